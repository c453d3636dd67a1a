/// Says which key is next. Concrete sources are specialised into the loops that use them.
protocol NumberSource: Sendable {
    mutating func next() -> UInt64
}

/// start, start + 1, start + 2 …
struct SequentialNumbers: NumberSource {
    private var upcoming: UInt64

    init(from start: UInt64) {
        upcoming = start
    }

    mutating func next() -> UInt64 {
        defer { upcoming += 1 }
        return upcoming
    }
}

/// Every number below a bound once, in random order, shared out between threads.
struct ShuffledNumbers: NumberSource {
    private let numbers: [UInt32]
    private var index: Int

    /// Shuffles once; the sources start at equal distances in the same array.
    static func shares(of count: Int, parts: Int, seed: UInt64) -> [ShuffledNumbers] {
        var generator = SeededGenerator(seed: seed)
        var numbers = (0..<UInt32(count)).map { $0 }
        numbers.shuffle(using: &generator)
        return (0..<parts).map { ShuffledNumbers(numbers: numbers, index: $0 * count / parts) }
    }

    private init(numbers: [UInt32], index: Int) {
        self.numbers = numbers
        self.index = index
    }

    mutating func next() -> UInt64 {
        defer { index += 1 }
        return UInt64(numbers[index])
    }
}

/// Any number below a bound, with repetition.
struct UniformNumbers: NumberSource {
    private var generator: SeededGenerator
    private let bound: UInt64

    init(below bound: UInt64, seed: UInt64) {
        self.bound = bound
        generator = SeededGenerator(seed: seed)
    }

    mutating func next() -> UInt64 {
        generator.below(bound)
    }
}

/// What another source gives, worked out beforehand: a power for each number of Zipf's law would be measured with the
/// engine.
struct PreparedNumbers: NumberSource {
    private let numbers: [UInt64]
    private var index = 0

    init(_ source: some NumberSource, count: Int) {
        var source = source
        numbers = (0..<count).map { _ in source.next() }
    }

    mutating func next() -> UInt64 {
        defer { index += 1 }
        return numbers[index]
    }
}
