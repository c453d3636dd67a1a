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
    private mutating func count(_ isRight: Bool) {
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

    init(shape: PairShape, isReverse: Bool = false) {
        self.shape = shape
        self.isReverse = isReverse
    }

    /// Forgets the key before: the next pair begins another scan.
    mutating func beginScan() {
        previous = nil
    }

    @inline(__always)
    mutating func visit(_ key: RawSpan, _ value: RawSpan) {
        let number = shape.number(ofKey: key)
        var isRight = shape.isValue(value, of: number)
        if let previous { isRight = isRight && (isReverse ? number < previous : number > previous) }
        previous = number
        if isRight { right += 1 } else { wrong += 1 }
    }
}
