/// One put in a transaction of its own.
struct PutStep<Engine: BenchmarkEngine, Numbers: NumberSource>: WorkStep {
    let engine: Engine
    let kind: OperationKind
    private var numbers: Numbers
    private var buffer: PairBuffer

    init(
        engine: Engine, numbers: Numbers, shape: PairShape, kind: OperationKind, firstVersion: UInt64 = 1
    ) {
        self.engine = engine
        self.numbers = numbers
        self.kind = kind
        buffer = PairBuffer(shape: shape, firstVersion: firstVersion)
    }

    @inline(__always)
    mutating func perform() throws {
        buffer.setPair(numbers.next())
        try engine.put(buffer.key, buffer.value)
    }
}

/// Several puts in one transaction; the last transaction takes what is left of the share.
struct BatchPutStep<Engine: BenchmarkEngine, Numbers: NumberSource>: WorkStep {
    let engine: Engine
    let batchSize: Int
    /// The keys ascend and follow those of the store.
    let appends: Bool
    let kind: OperationKind
    private var remaining: Int
    private var pairs: NumberedPairs<Numbers>

    init(
        engine: Engine, batchSize: Int, share: Int, numbers: Numbers, shape: PairShape,
        kind: OperationKind = .insert, appends: Bool = false, firstVersion: UInt64 = 1
    ) {
        self.engine = engine
        self.batchSize = batchSize
        self.kind = kind
        self.appends = appends
        remaining = share
        pairs = NumberedPairs(numbers: numbers, shape: shape, firstVersion: firstVersion)
    }

    mutating func perform() throws {
        let count = min(batchSize, remaining)
        if appends {
            try engine.append(count, from: &pairs)
        } else {
            try engine.putBatch(count, from: &pairs)
        }
        remaining -= count
    }
}

/// One delete in a transaction of its own.
struct DeleteStep<Engine: BenchmarkEngine, Numbers: NumberSource>: WorkStep {
    let engine: Engine
    let kind = OperationKind.delete
    /// Keys that the engine said were not there.
    private(set) var misses = 0
    private var numbers: Numbers
    private var buffer: PairBuffer

    init(engine: Engine, numbers: Numbers, shape: PairShape) {
        self.engine = engine
        self.numbers = numbers
        buffer = PairBuffer(shape: PairShape(keyBytes: shape.keyBytes, valueBytes: 0))
    }

    @inline(__always)
    mutating func perform() throws {
        buffer.setKey(numbers.next())
        if try engine.delete(buffer.key) == false { misses += 1 }
    }
}
