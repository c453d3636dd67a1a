/// A step that counts what it read and whether it was right.
protocol CheckedStep: WorkStep {
    var right: Int { get }
    var wrong: Int { get }
}

/// One get.
struct GetStep<Engine: BenchmarkEngine, Numbers: NumberSource>: CheckedStep {
    let engine: Engine
    let kind = OperationKind.read
    private var numbers: Numbers
    private var buffer: PairBuffer
    private var check: ReadCheck

    init(engine: Engine, numbers: Numbers, shape: PairShape) {
        self.engine = engine
        self.numbers = numbers
        buffer = PairBuffer(shape: shape)
        check = ReadCheck(shape: shape)
    }

    var right: Int { check.right }
    var wrong: Int { check.wrong }

    @inline(__always)
    mutating func perform() throws {
        let number = numbers.next()
        buffer.setKey(number)
        var check = check
        check.number = number
        _ = try engine.get(buffer.key, &check)
        self.check = check
    }
}

/// One get of a key that was never put: one byte longer than a key that was, so that it lies right behind it.
struct MissStep<Engine: BenchmarkEngine, Numbers: NumberSource>: WorkStep {
    let engine: Engine
    let kind = OperationKind.read
    /// Keys that were there although they cannot be.
    private(set) var found = 0
    private var numbers: Numbers
    private var buffer: PairBuffer
    private var check: ReadCheck

    init(engine: Engine, numbers: Numbers, shape: PairShape) {
        self.engine = engine
        self.numbers = numbers
        buffer = PairBuffer(shape: PairShape(keyBytes: shape.keyBytes + 1, valueBytes: 0))
        check = ReadCheck(shape: shape)
    }

    @inline(__always)
    mutating func perform() throws {
        buffer.setKey(numbers.next())
        var check = check
        if try engine.get(buffer.key, &check) { found += 1 }
        self.check = check
    }
}

/// One multi-get of a block of keys.
struct MultiGetStep<Engine: BenchmarkEngine, Numbers: NumberSource>: CheckedStep {
    let engine: Engine
    let kind = OperationKind.read
    private var numbers: Numbers
    private var block: KeyBlock
    private var check: ReadCheck

    init(engine: Engine, numbers: Numbers, shape: PairShape, keysPerCall: Int) {
        self.engine = engine
        self.numbers = numbers
        block = KeyBlock(shape: shape, count: keysPerCall)
        check = ReadCheck(shape: shape)
        check.numbers = [UInt64](repeating: 0, count: keysPerCall)
    }

    var right: Int { check.right }
    var wrong: Int { check.wrong }

    mutating func perform() throws {
        for index in 0..<block.count {
            let number = numbers.next()
            block.setKey(number, at: index)
            check.numbers[index] = number
        }
        _ = try engine.multiGet(block, &check)
    }
}

/// One seek to a key, and the pairs from there, a few or one.
struct SeekStep<Engine: BenchmarkEngine, Numbers: NumberSource>: CheckedStep {
    let engine: Engine
    let kind = OperationKind.scan
    /// Pairs of one call, where the store does not end before.
    let pairsPerCall: Int
    /// Pairs that the calls had to find in a store of so many keys.
    private(set) var expected = 0
    private let keys: UInt64
    private var numbers: Numbers
    private var buffer: PairBuffer
    private var check: ScanCheck

    init(engine: Engine, numbers: Numbers, shape: PairShape, pairsPerCall: Int, keys: Int) {
        self.engine = engine
        self.numbers = numbers
        self.pairsPerCall = pairsPerCall
        self.keys = UInt64(keys)
        buffer = PairBuffer(shape: shape)
        check = ScanCheck(shape: shape)
    }

    var right: Int { check.right }
    var wrong: Int { check.wrong }

    @inline(__always)
    mutating func perform() throws {
        let number = numbers.next()
        expected += min(pairsPerCall, Int(keys - number))
        buffer.setKey(number)
        var check = check
        check.beginScan(at: number)
        _ = try engine.scan(from: buffer.key, limit: pairsPerCall, &check)
        self.check = check
    }
}

/// One scan of the whole store.
struct ScanStep<Engine: BenchmarkEngine>: CheckedStep {
    let engine: Engine
    let kind = OperationKind.scan
    private var check: ScanCheck

    init(engine: Engine, reverse: Bool, shape: PairShape) {
        self.engine = engine
        check = ScanCheck(shape: shape, isReverse: reverse)
    }

    var right: Int { check.right }
    var wrong: Int { check.wrong }

    mutating func perform() throws {
        check.beginScan()
        _ = try engine.scan(reverse: check.isReverse, &check)
    }
}
