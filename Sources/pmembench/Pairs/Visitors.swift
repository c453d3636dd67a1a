/// Looks at a value that an engine found, in place.
protocol ValueVisitor {
    mutating func visit(_ value: RawSpan)
}

/// Looks at the values of a multi-get; `index` counts the keys of the block.
protocol BlockVisitor {
    mutating func visit(_ value: RawSpan, at index: Int)
}

/// Looks at pairs in key order.
protocol PairVisitor {
    mutating func visit(_ key: RawSpan, _ value: RawSpan)
}

/// What becomes of two values that are changed together.
protocol PairChange {
    mutating func seeFirst(_ value: RawSpan)
    mutating func seeSecond(_ value: RawSpan)
    /// Makes the new values of what was seen.
    mutating func apply()
    var first: RawSpan { @_lifetime(borrow self) get }
    var second: RawSpan { @_lifetime(borrow self) get }
}

extension PairChange {
    /// Shows itself both values, through a getter, and makes the new ones; tells whether both were there.
    @inline(__always)
    mutating func see(
        _ first: RawSpan, _ second: RawSpan, _ get: (RawSpan, inout PairChangeSight<Self>) throws -> Bool
    ) rethrows -> Bool {
        var sight = PairChangeSight(change: self, isSecond: false)
        let hasFirst = try get(first, &sight)
        sight.isSecond = true
        let hasSecond = try get(second, &sight)
        self = sight.change
        apply()
        return hasFirst && hasSecond
    }
}

/// Lets a change see values as a visitor.
struct PairChangeSight<Change: PairChange>: ValueVisitor {
    var change: Change
    var isSecond: Bool

    @inline(__always)
    mutating func visit(_ value: RawSpan) {
        if isSecond { change.seeSecond(value) } else { change.seeFirst(value) }
    }
}

/// Counts the values that are what was written for their key.
struct ReadCheck: ValueVisitor, BlockVisitor, Sendable {
    let shape: PairShape
    var number: UInt64 = 0
    var numbers: [UInt64] = []
    private(set) var right = 0
    private(set) var wrong = 0

    init(shape: PairShape) {
        self.shape = shape
    }

    @inline(__always)
    mutating func visit(_ value: RawSpan) {
        count(shape.isValue(value, of: number))
    }

    @inline(__always)
    mutating func visit(_ value: RawSpan, at index: Int) {
        count(shape.isValue(value, of: numbers[index]))
    }

    @inline(__always)
    mutating func count(_ isRight: Bool) {
        if isRight { right += 1 } else { wrong += 1 }
    }
}

/// Counts scanned pairs whose value belongs to their key and whose key comes after the one before.
struct ScanCheck: PairVisitor, Sendable {
    let shape: PairShape
    let isReverse: Bool
    private(set) var right = 0
    private(set) var wrong = 0
    private var previous: UInt64?
    /// The number that the first pair of a scan must have; nil where it may be any.
    private var first: UInt64?

    init(shape: PairShape, isReverse: Bool = false) {
        self.shape = shape
        self.isReverse = isReverse
    }

    /// Forgets the key before: the next pair begins another scan.
    mutating func beginScan(at number: UInt64? = nil) {
        previous = nil
        first = number
    }

    @inline(__always)
    mutating func visit(_ key: RawSpan, _ value: RawSpan) {
        let number = shape.number(ofKey: key)
        var isRight = shape.isValue(value, of: number)
        if let previous {
            isRight = isRight && (isReverse ? number < previous : number > previous)
        } else if let first {
            isRight = isRight && number == first
        }
        previous = number
        if isRight { right += 1 } else { wrong += 1 }
    }
}
