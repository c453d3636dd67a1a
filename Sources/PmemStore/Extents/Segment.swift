/// One segment file of an open store, as the engine sees it.
package struct Segment: Sendable, Equatable {
    package let layout: SegmentLayout
    package let path: String

    package var index: Int { layout.index }
    /// Where the segment begins in the store's address range.
    package var baseOffset: UInt64 { layout.baseOffset }
    package var byteCount: UInt64 { layout.byteCount }
    /// Where it ends in the store's address range, and the next one begins.
    package var endOffset: UInt64 { baseOffset + byteCount }
    package var chunkCount: Int { layout.chunkCount }
    /// Header, superblocks, chunk table and log: everything before the first slot. From the segment's start.
    package var reservedBytes: UInt64 { layout.reservedBytes }
    /// From the segment's start.
    package var chunkTableOffset: UInt64 { layout.chunkTableOffset }
    /// From the segment's start; 0: no log here.
    package var logOffset: UInt64 { layout.logOffset }
    package var logBytes: UInt64 { layout.logBytes }

    package init(layout: SegmentLayout, path: String) {
        self.layout = layout
        self.path = path
    }
}

/// How a segment file is called.
enum SegmentName {
    private static let prefix = "segment-"
    private static let suffix = ".pmem"
    private static let digits = 6

    static func sealed(_ index: Int) -> String { prefix + number(index) + suffix }

    /// The name until the segment is complete. Hidden, and no store ever opens it.
    static func building(_ index: Int) -> String { "." + prefix + number(index) + ".building" }

    /// The number in a sealed segment's name; nil for every other name.
    static func index(of name: String) -> Int? {
        guard name.hasPrefix(prefix), name.hasSuffix(suffix) else { return nil }
        guard let index = Int(name.dropFirst(prefix.count).dropLast(suffix.count)), index >= 0 else {
            return nil
        }
        return sealed(index) == name ? index : nil
    }

    static func isBuilding(_ name: String) -> Bool {
        name.hasPrefix("." + prefix) && name.hasSuffix(".building")
    }

    private static func number(_ index: Int) -> String {
        let text = String(index)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
