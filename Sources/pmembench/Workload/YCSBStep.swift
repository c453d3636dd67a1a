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

/// Which operations a mix does, and on which keys, in order.
struct MixPlan: Sendable {
    /// An operation to be done.
    struct Choice {
        var kind: OperationKind
        /// The key; of an insert, 0 until it is taken; in a mix that asks for the latest keys, how many keys before the
        /// newest.
        var number: UInt64
        /// Most pairs of a scan.
        var length = 0
    }

    private let mix: YCSBMix
    private let keys: UInt64
    private let ranks: ZipfianRanks
    private var popular: ScrambledZipfianNumbers
    private var generator: SeededGenerator

    init(mix: YCSBMix, ranks: ZipfianRanks, keys: Int, seed: UInt64) {
        self.mix = mix
        self.keys = UInt64(keys)
        self.ranks = ranks
        popular = ScrambledZipfianNumbers(ranks: ranks, count: UInt64(keys), seed: seed)
        generator = SeededGenerator(seed: mixed(seed))
    }

    /// True when a choice's number counts back from the newest key.
    var countsBack: Bool { mix.popularity == .latest }

    mutating func next() -> Choice {
        var dice = Int(generator.below(100))
        if dice < mix.read { return Choice(kind: .read, number: nextNumber()) }
        dice -= mix.read
        if dice < mix.update { return Choice(kind: .update, number: nextNumber()) }
        dice -= mix.update
        if dice < mix.insert { return Choice(kind: .insert, number: 0) }
        dice -= mix.insert
        guard dice < mix.scan else { return Choice(kind: .readModifyWrite, number: nextNumber()) }
        let number = nextNumber()
        return Choice(
            kind: .scan, number: number, length: 1 + Int(generator.below(UInt64(YCSBMix.longestScan))))
    }

    private mutating func nextNumber() -> UInt64 {
        switch mix.popularity {
        case .zipfian:
            return popular.next()
        case .uniform:
            return generator.below(keys)
        case .latest:
            return ranks.rank(generator.unitInterval())
        }
    }
}

/// One operation of a mix. What they are is worked out beforehand (see ``PreparedNumbers``).
struct YCSBStep<Engine: BenchmarkEngine>: CheckedStep {
    let engine: Engine
    private(set) var kind = OperationKind.read
    /// Calls that had to find their key.
    private(set) var expectedHits = 0
    private(set) var hits = 0
    /// Pairs that were put.
    private(set) var writes = 0
    /// Scans that ended although there was more.
    private(set) var shortScans = 0
    private let keys: UInt64
    private let newest: NewestKey
    private let choices: [MixPlan.Choice]
    private let countsBack: Bool
    private var index = 0
    private var buffer: PairBuffer
    private var readCheck: ReadCheck
    private var scanCheck: ScanCheck

    init(
        engine: Engine, plan: MixPlan, count: Int, keys: Int, newest: NewestKey, firstVersion: UInt64,
        shape: PairShape
    ) {
        self.engine = engine
        var plan = plan
        choices = (0..<count).map { _ in plan.next() }
        countsBack = plan.countsBack
        self.keys = UInt64(keys)
        self.newest = newest
        buffer = PairBuffer(shape: shape, firstVersion: firstVersion)
        readCheck = ReadCheck(shape: shape)
        scanCheck = ScanCheck(shape: shape)
    }

    var right: Int { readCheck.right + scanCheck.right }
    var wrong: Int { readCheck.wrong + scanCheck.wrong }

    @inline(__always)
    mutating func perform() throws {
        let choice = nextChoice()
        kind = choice.kind
        switch choice.kind {
        case .read: try read(choice.number)
        case .insert: try put(newest.take())
        case .update: try put(choice.number)
        case .scan: try scan(choice)
        default: try readModifyWrite(choice.number)
        }
    }

    @inline(__always)
    private mutating func nextChoice() -> MixPlan.Choice {
        var choice = choices[index]
        index += 1
        if countsBack {
            let last = newest.keyCount - 1
            choice.number = last - min(last, choice.number)
        }
        return choice
    }

    private mutating func read(_ number: UInt64) throws {
        var check = readCheck
        check.number = number
        buffer.setKey(number)
        expectedHits += 1
        if try engine.get(buffer.key, &check) { hits += 1 }
        readCheck = check
    }

    private mutating func put(_ number: UInt64) throws {
        writes += 1
        buffer.setPair(number)
        try engine.put(buffer.key, buffer.value)
    }

    private mutating func scan(_ choice: MixPlan.Choice) throws {
        buffer.setKey(choice.number)
        var check = scanCheck
        check.beginScan(at: choice.number)
        expectedHits += 1
        let pairs = try engine.scan(from: buffer.key, limit: choice.length, &check)
        if pairs > 0 { hits += 1 }
        // Keys of before the run follow each other without a gap.
        if choice.number < keys, pairs < min(choice.length, Int(keys - choice.number)) { shortScans += 1 }
        scanCheck = check
    }

    private mutating func readModifyWrite(_ number: UInt64) throws {
        var check = readCheck
        check.number = number
        buffer.setPair(number)
        writes += 1
        expectedHits += 1
        if try engine.readModifyWrite(buffer.key, buffer.value, &check) { hits += 1 }
        readCheck = check
    }
}
