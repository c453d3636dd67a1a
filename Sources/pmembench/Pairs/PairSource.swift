/// Hands an engine the pairs of a batch, one after the other.
protocol PairSource {
    /// Moves to the next pair; `key` and `value` are its bytes until the next call.
    mutating func advance()
    var key: RawSpan { @_lifetime(borrow self) get }
    var value: RawSpan { @_lifetime(borrow self) get }
}

/// The pairs of a number source.
struct NumberedPairs<Numbers: NumberSource>: PairSource, Sendable {
    private var numbers: Numbers
    private var buffer: PairBuffer

    init(numbers: Numbers, shape: PairShape, firstVersion: UInt64 = 1, constantVersion: UInt64? = nil) {
        self.numbers = numbers
        buffer = PairBuffer(
            shape: shape, firstVersion: constantVersion ?? firstVersion,
            isVersionConstant: constantVersion != nil)
    }

    @inline(__always)
    mutating func advance() {
        buffer.setPair(numbers.next())
    }

    var key: RawSpan {
        @_lifetime(borrow self) get { buffer.key }
    }

    var value: RawSpan {
        @_lifetime(borrow self) get { buffer.value }
    }
}
