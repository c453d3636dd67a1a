/// The bytes that a fuzzer has made up, taken apart from the front. Behind the end come zeros.
struct FuzzInput {
    private var bytes: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { self.bytes = bytes[...] }

    var isEmpty: Bool { bytes.isEmpty }

    mutating func byte() -> UInt8 { bytes.popFirst() ?? 0 }

    mutating func word(_ byteCount: Int) -> UInt64 {
        (0..<byteCount).reduce(0) { word, index in word | UInt64(byte()) << UInt64(8 * index) }
    }

    /// A number below `limit`.
    mutating func number(below limit: Int) -> Int { limit <= 1 ? 0 : Int(word(2)) % limit }
}
