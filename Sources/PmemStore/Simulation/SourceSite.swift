/// The source line of a call through the door, as a number: small, the same in every process, and what a text can name
/// without the call.
package struct SourceSite: Hashable, Sendable {
    /// 20 bits of the file's name, then the line.
    package let number: UInt32
    private static let lineBits: UInt32 = 12

    /// Of what comes through no door.
    package static let none = SourceSite(number: 0)

    /// Of a call that stands for no line of the engine.
    init(number: UInt32) { self.number = number }

    init(_ site: CallSite) {
        let name = unsafe UnsafeBufferPointer(start: site.file.utf8Start, count: site.file.utf8CodeUnitCount)
        unsafe self.init(name: name, line: site.line)
    }

    /// - Parameter file: The file's name; modules and folders before it say nothing.
    package init(file: String, line: UInt32) { self.init(name: file.utf8, line: line) }

    private init(name: some Sequence<UInt8>, line: UInt32) {
        // FNV-1a, begun anew behind each slash.
        var hash: UInt32 = 0x811c_9dc5
        for byte in name { hash = byte == 0x2f ? 0x811c_9dc5 : (hash ^ UInt32(byte)) &* 0x0100_0193 }
        number = (hash ^ hash >> 20) << Self.lineBits | line & (1 << Self.lineBits - 1)
    }

    /// Of the file's name.
    package var file: UInt32 { number >> Self.lineBits }
    package var line: UInt32 { number & (1 << Self.lineBits - 1) }
}
