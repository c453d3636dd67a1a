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

    let parameters: RunParameters
    let directory: String
    private(set) var engine: Engine?
    var contents = Contents.absent
    private var isConcurrent = false

    init(parameters: RunParameters, directory: String) {
        self.parameters = parameters
        self.directory = directory
    }

    func round(_ benchmark: BenchmarkCase, seed: UInt64) throws -> RoundResult {
        var result = try run(benchmark, seed: seed)
        if let engine {
            result.domain = engine.domain
            result.lease = engine.lease
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
        case .deleterandom: return try deleteRandomly(seed: seed)
        case .readrandom: return try readRandomly(seed: seed)
        case .readseq: return try scanAll(reverse: false)
        case .readreverse: return try scanAll(reverse: true)
        case .seekrandom: return try seekRandomly(seed: seed)
        case .multireadrandom: return try multiReadRandomly(seed: seed)
        case .readwhilewriting: return try readWhileWriting(seed: seed)
        case .ycsbA: return try runYCSB(.a, seed: seed)
        case .ycsbB: return try runYCSB(.b, seed: seed)
        case .ycsbC: return try runYCSB(.c, seed: seed)
        case .ycsbD: return try runYCSB(.d, seed: seed)
        case .ycsbE: return try runYCSB(.e, seed: seed)
        case .ycsbF: return try runYCSB(.f, seed: seed)
        case .openClean: return try openClean(seed: seed)
        case .openKilled: return try openKilled(seed: seed)
        }
    }

    // MARK: The store

    /// An empty store in place of whatever was there.
    func emptyStore(isConcurrent: Bool, elidesFences: Bool = false) throws -> Engine {
        try discard()
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let options = parameters.engineOptions(isConcurrent: isConcurrent, elidesFences: elidesFences)
        let engine = try Engine.create(in: directory, options: options)
        self.engine = engine
        self.isConcurrent = isConcurrent
        contents = .other
        return engine
    }

    /// A store with exactly the run's keys, loaded if need be.
    func fullStore(isConcurrent: Bool, seed: UInt64) throws -> Engine {
        if contents == .full {
            if let engine, self.isConcurrent == isConcurrent { return engine }
            try close()
            return try reopen(isConcurrent: isConcurrent)
        }
        let engine = try emptyStore(isConcurrent: isConcurrent)
        try Self.load(engine, parameters, seed: seed)
        contents = .full
        return engine
    }

    @discardableResult
    func reopen(isConcurrent: Bool = false) throws -> Engine {
        let options = parameters.engineOptions(isConcurrent: isConcurrent, elidesFences: false)
        let engine = try Engine.open(in: directory, options: options)
        self.engine = engine
        self.isConcurrent = isConcurrent
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
        var remaining = parameters.keys
        while remaining > 0 {
            let count = min(1000, remaining)
            try engine.putBatch(count, from: &pairs)
            remaining -= count
        }
    }
}
