import Foundation

/// A text file as records, one a line: key, tab, value. A line without a tab is a key whose value is the number of
/// the line, counted from 1.
struct TextRecords {
    let text: Data
    let count: Int

    init(path: String) throws {
        var isDirectory: ObjCBool = false
        guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw BenchmarkFailure(.usage, "\(path) does not exist; name a text file to load")
        }
        guard !isDirectory.boolValue else {
            throw BenchmarkFailure(.usage, "\(path) is a directory; name a text file to load")
        }
        let text: Data
        do {
            text = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
        } catch {
            throw BenchmarkFailure(.usage, "\(path) cannot be read; check its mode: ls -l \(path)")
        }
        try self.init(text: text, path: path)
    }

    /// `path` is named in refusals.
    init(text: Data, path: String) throws {
        self.text = text
        let lines = unsafe text.withUnsafeBytes { unsafe Self.countOfLines($0) }
        guard lines > 0 else { throw BenchmarkFailure(.usage, "\(path) is empty; name a file with records") }
        count = lines
    }

    private static func countOfLines(_ bytes: UnsafeRawBufferPointer) -> Int {
        let newlines = unsafe bytes.reduce(0) { $1 == TextRecordCursor.newline ? $0 + 1 : $0 }
        return unsafe bytes.last.map { $0 == TextRecordCursor.newline } ?? true ? newlines : newlines + 1
    }
}

/// Walks over the records of a text.
@safe struct TextRecordCursor: PairSource {
    static let newline = UInt8(ascii: "\n")
    private static let tab = UInt8(ascii: "\t")

    private let bytes: UnsafeRawBufferPointer
    private var next = 0
    private var keyRange = 0..<0
    private var valueRange: Range<Int>?
    private var numberText: [UInt8] = []
    /// Number of the line that `key` and `value` come from.
    private(set) var line = 0

    /// The bytes must stay valid while the cursor is used.
    init(_ bytes: UnsafeRawBufferPointer) {
        unsafe self.bytes = bytes
    }

    mutating func advance() {
        precondition(unsafe next < bytes.count, "no record left")
        line += 1
        let end = position(of: Self.newline, from: next, to: unsafe bytes.count)
        let tab = position(of: Self.tab, from: next, to: end)
        keyRange = next..<tab
        valueRange = tab < end ? tab + 1..<end : nil
        if valueRange == nil { numberText = Array(String(line).utf8) }
        next = end + 1
    }

    private func position(of byte: UInt8, from start: Int, to end: Int) -> Int {
        guard start < end, let base = unsafe bytes.baseAddress else { return end }
        guard let found = unsafe memchr(base + start, Int32(byte), end - start) else { return end }
        return unsafe UnsafeRawPointer(found) - base
    }

    var key: RawSpan {
        @_lifetime(borrow self) get { span(keyRange) }
    }

    var value: RawSpan {
        @_lifetime(borrow self)
        get {
            guard let valueRange else { return unsafe numberText.span.bytes }
            return span(valueRange)
        }
    }

    @_lifetime(borrow self)
    private func span(_ range: Range<Int>) -> RawSpan {
        let span = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: bytes[range]))
        return unsafe _overrideLifetime(span, borrowing: self)
    }
}
