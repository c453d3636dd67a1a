import Synchronization

/// The number of the newest key, shared by all threads that insert.
final class NewestKey: Sendable {
    private let count: Atomic<UInt64>

    init(count: Int) {
        self.count = Atomic(UInt64(count))
    }

    var keyCount: UInt64 { count.load(ordering: .relaxed) }

    /// The next key to insert.
    func take() -> UInt64 {
        count.wrappingAdd(1, ordering: .relaxed).oldValue
    }
}

/// One operation of a YCSB mix.
struct YCSBStep<Engine: BenchmarkEngine>: CheckedStep {
    let engine: Engine
    let mix: YCSBMix
    private(set) var kind = OperationKind.read
    /// Calls that had to find their key.
    private(set) var expectedHits = 0
    private(set) var hits = 0
    private let ranks: ZipfianRanks
    private let newest: NewestKey
    private var popular: ScrambledZipfianNumbers
    private var generator: SeededGenerator
    private var buffer: PairBuffer
    private var readCheck: ReadCheck
    private var scanCheck: ScanCheck

    init(
        engine: Engine, mix: YCSBMix, ranks: ZipfianRanks, keys: Int, newest: NewestKey, seed: UInt64,
        shape: PairShape
    ) {
        self.engine = engine
        self.mix = mix
        self.ranks = ranks
        self.newest = newest
        popular = ScrambledZipfianNumbers(ranks: ranks, count: UInt64(keys), seed: seed)
        generator = SeededGenerator(seed: mixed(seed))
        buffer = PairBuffer(shape: shape)
        readCheck = ReadCheck(shape: shape)
        scanCheck = ScanCheck(shape: shape)
    }

    var right: Int { readCheck.right + scanCheck.right }
    var wrong: Int { readCheck.wrong + scanCheck.wrong }

    @inline(__always)
    mutating func perform() throws {
        var dice = Int(generator.below(100))
        if dice < mix.read { return try read() }
        dice -= mix.read
        if dice < mix.update { return try put(nextNumber(), .update) }
        dice -= mix.update
        if dice < mix.insert { return try put(newest.take(), .insert) }
        dice -= mix.insert
        if dice < mix.scan { return try scan() }
        try readModifyWrite()
    }

    private mutating func nextNumber() -> UInt64 {
        switch mix.popularity {
        case .zipfian:
            return popular.next()
        case .latest:
            let last = newest.keyCount - 1
            return last - min(last, ranks.rank(generator.unitInterval()))
        }
    }

    private mutating func read() throws {
        kind = .read
        var check = readCheck
        check.number = nextNumber()
        buffer.setKey(check.number)
        expectedHits += 1
        if try engine.get(buffer.key, &check) { hits += 1 }
        readCheck = check
    }

    private mutating func put(_ number: UInt64, _ kind: OperationKind) throws {
        self.kind = kind
        buffer.setPair(number)
        try engine.put(buffer.key, buffer.value)
    }

    private mutating func scan() throws {
        kind = .scan
        buffer.setKey(nextNumber())
        var check = scanCheck
        check.beginScan()
        let length = 1 + Int(generator.below(UInt64(YCSBMix.longestScan)))
        expectedHits += 1
        if try engine.scan(from: buffer.key, limit: length, &check) > 0 { hits += 1 }
        scanCheck = check
    }

    private mutating func readModifyWrite() throws {
        kind = .readModifyWrite
        var check = readCheck
        check.number = nextNumber()
        buffer.setPair(check.number)
        expectedHits += 1
        if try engine.readModifyWrite(buffer.key, buffer.value, &check) { hits += 1 }
        readCheck = check
    }
}
