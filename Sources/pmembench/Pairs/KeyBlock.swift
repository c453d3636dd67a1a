/// A block of keys of one length, side by side, for a multi-get; filled again and again without allocating.
struct KeyBlock: Sendable {
    let shape: PairShape
    let count: Int
    private(set) var numbers: [UInt64]
    private var storage: [UInt8]

    init(shape: PairShape, count: Int) {
        self.shape = shape
        self.count = count
        numbers = [UInt64](repeating: 0, count: count)
        storage = [UInt8](repeating: 0, count: shape.keyBytes * count)
    }

    /// All keys, one behind the other.
    var bytes: RawSpan {
        @_lifetime(borrow self) get { unsafe storage.span.bytes }
    }

    mutating func setKey(_ number: UInt64, at index: Int) {
        numbers[index] = number
        let start = index * shape.keyBytes
        unsafe storage.withUnsafeMutableBytes { all in
            unsafe shape.writeKey(
                number, into: UnsafeMutableRawBufferPointer(rebasing: all[start..<start + shape.keyBytes]))
        }
    }

    subscript(index: Int) -> RawSpan {
        @_lifetime(borrow self) get {
            unsafe storage.span.bytes.extracting(index * shape.keyBytes..<(index + 1) * shape.keyBytes)
        }
    }
}
