import Foundation

/// One engine and its store during a run. The state of the store is known, so that a workload reuses what is there.
final class EngineSession<Engine: BenchmarkEngine> {
    /// What the store holds.
    enum Contents {
        case absent
        /// Exactly the run's keys.
        case full
        case other
    }

    let name: EngineName
    let parameters: RunParameters
    let directory: String
    private(set) var engine: Engine?
    var contents = Contents.absent
    var ranks: ZipfianRanks?
    /// Rounds whose writes have versions of their own.
    var audits = 0
    /// Makes so many bytes of memory present.
    var fetchMemory: (Int) -> Void = MemoryAtHand.fetch
    /// Leaves a store that was not closed; returns how many overwrites are done.
    var leaveKilled: (KilledWriter) throws -> Int = { try $0.run() }
    private var threads = 1

    init(name: EngineName, parameters: RunParameters, directory: String) {
        self.name = name
        self.parameters = parameters
        self.directory = directory
    }

    func round(_ benchmark: BenchmarkCase, seed: UInt64) throws -> RoundResult {
        var result = try run(benchmark, seed: seed)
        if let engine {
            result.domain = engine.domain
            result.lease = engine.lease
            result.durability = benchmark.elidesFences ? "nothing: fences left out" : engine.durability
        }
        return result
    }

    private func run(_ benchmark: BenchmarkCase, seed: UInt64) throws -> RoundResult {
        switch benchmark.workload {
        case .fillseq: return try fillSequentially()
        case .fillrandom: return try fillRandomly(seed: seed, elidesFences: false)
        case .durabilitytax: return try fillRandomly(seed: seed, elidesFences: benchmark.elidesFences)
        case .fillbatch: return try fillInBatches(of: benchmark.operationsPerTransaction, seed: seed)
        case .overwrite: return try overwrite(seed: seed)
        case .deleteseq: return try deleteSequentially(seed: seed)
        case .deleterandom: return try deleteRandomly(seed: seed)
        case .readrandom: return try readRandomly(seed: seed)
        case .readhot: return try readHot(seed: seed)
        case .readmissing: return try readMissing(seed: seed)
        case .readseq: return try scanAll(reverse: false)
        case .readreverse: return try scanAll(reverse: true)
        case .seekrandom: return try seekRandomly(seed: seed, pairsPerCall: 1)
        case .rangescan: return try seekRandomly(seed: seed, pairsPerCall: Workload.pairsPerRange)
        case .readzipfian: return try readZipfian(seed: seed)
        case .loadsorted: return try loadSorted()
        case .grow: return try grow(seed: seed)
        case .churn: return try churn(seed: seed)
        case .longreader: return try longReader(seed: seed)
        case .bank: return try bank(seed: seed)
        case .multireadrandom: return try multiReadRandomly(seed: seed)
        case .readwhilewriting: return try readWhileWriting(seed: seed)
        case .seekrandomwhilewriting: return try seekWhileWriting(seed: seed)
        case .readrandomwriterandom: return try runMix(.readsAndWrites, seed: seed)
        case .updaterandom: return try runMix(.updates, seed: seed)
        case .backup: return try backup(seed: seed)
        case .ycsbA: return try runMix(.a, seed: seed)
        case .ycsbB: return try runMix(.b, seed: seed)
        case .ycsbC: return try runMix(.c, seed: seed)
        case .ycsbD: return try runMix(.d, seed: seed)
        case .ycsbE: return try runMix(.e, seed: seed)
        case .ycsbF: return try runMix(.f, seed: seed)
        case .openClean: return try openClean(seed: seed)
        case .openKilled: return try openKilled(seed: seed)
        }
    }

    // MARK: The store

    /// An empty store in place of whatever was there.
    func emptyStore(threads: Int, elidesFences: Bool = false) throws -> Engine {
        try discard()
        bringMemory(pairs: parameters.keys, caches: true)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let options = parameters.engineOptions(name, threads: threads, elidesFences: elidesFences)
        let engine = try Engine.create(in: directory, options: options)
        self.engine = engine
        self.threads = threads
        contents = .other
        return engine
    }

    /// A store with exactly the run's keys, loaded if need be, and memory for so many writes to come.
    func fullStore(threads: Int, seed: UInt64, writes: Int = 0) throws -> Engine {
        let engine = try loadedStore(threads: threads, seed: seed)
        if writes > 0 { bringMemory(pairs: min(writes, parameters.keys), caches: false) }
        return engine
    }

    private func loadedStore(threads: Int, seed: UInt64) throws -> Engine {
        if contents == .full {
            if let engine, self.threads == threads { return engine }
            try close()
            bringMemory(pairs: 0, caches: true)
            return try reopen(threads: threads)
        }
        let engine = try emptyStore(threads: threads)
        try Self.load(engine, parameters, seed: seed)
        contents = .full
        return engine
    }

    /// Memory for so many pairs of a store on a file system that is memory, and for the caches of an engine that has
    /// yet to fill them. A round that only reads what is there needs none.
    func bringMemory(pairs: Int, caches: Bool) {
        guard parameters.isVolatileMedium else { return }
        let cached = caches ? name.residentBytes(parameters) : 0
        let stored = pairs > 0 ? name.storedBytes(parameters, pairs: pairs) : 0
        if stored + cached > 0 { fetchMemory(Int(stored + cached)) }
    }

    @discardableResult
    func reopen(threads: Int = 1) throws -> Engine {
        let options = parameters.engineOptions(name, threads: threads, elidesFences: false)
        let engine = try Engine.open(in: directory, options: options)
        self.engine = engine
        self.threads = threads
        return engine
    }

    func close() throws {
        let open = engine
        engine = nil
        try open?.close()
    }

    /// Closes the store and removes its files.
    func discard() throws {
        try close()
        contents = .absent
        if FileManager.default.fileExists(atPath: directory) {
            try FileManager.default.removeItem(atPath: directory)
        }
    }

    /// Puts every key of the run once, in random order, in transactions of 1000.
    static func load(_ engine: Engine, _ parameters: RunParameters, seed: UInt64) throws {
        let numbers = ShuffledNumbers.shares(of: parameters.keys, parts: 1, seed: seed)[0]
        var pairs = NumberedPairs(numbers: numbers, shape: parameters.shape)
        try put(parameters.keys, from: &pairs, into: engine)
    }

    /// Puts pairs in transactions of 1000.
    static func put<Source: PairSource>(
        _ count: Int, from pairs: inout Source, into engine: Engine
    ) throws {
        var remaining = count
        while remaining > 0 {
            let count = min(1000, remaining)
            try engine.putBatch(count, from: &pairs)
            remaining -= count
        }
    }
}
