/// One key and one value, filled again and again without allocating.
struct PairBuffer: Sendable {
    let shape: PairShape
    private(set) var number: UInt64 = 0
    private var keyStorage: [UInt8]
    private var valueStorage: [UInt8]
    private var version: UInt64
    private let versionStep: UInt64

    /// Values get versions from the first one up, or all the same one.
    init(shape: PairShape, firstVersion: UInt64 = 1, isVersionConstant: Bool = false) {
        version = firstVersion
        versionStep = isVersionConstant ? 0 : 1
        self.shape = shape
        keyStorage = [UInt8](repeating: 0, count: shape.keyBytes)
        var filler = SeededGenerator(seed: 0x70_6D_65_6D)
        valueStorage = (0..<shape.valueBytes).map { _ in UInt8(truncatingIfNeeded: filler.next()) }
    }

    var key: RawSpan {
        @_lifetime(borrow self) get { unsafe keyStorage.span.bytes }
    }

    var value: RawSpan {
        @_lifetime(borrow self) get { unsafe valueStorage.span.bytes }
    }

    @inline(__always)
    mutating func setKey(_ number: UInt64) {
        self.number = number
        unsafe keyStorage.withUnsafeMutableBytes { unsafe shape.writeKey(number, into: $0) }
    }

    @inline(__always)
    mutating func setPair(_ number: UInt64) {
        setKey(number)
        unsafe valueStorage.withUnsafeMutableBytes {
            unsafe shape.stampValue(number, version: version, into: $0)
        }
        version &+= versionStep
    }
}
