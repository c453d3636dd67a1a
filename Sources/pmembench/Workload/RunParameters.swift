/// What all rounds of a run have in common.
struct RunParameters: Sendable {
    var keys: Int
    var shape: PairShape
    var batchSizes: [Int]
    var threads: Int
    var rounds: Int
    var seed: UInt64
    /// One in this many transactions is timed.
    var latencySampling: Int
    var isVolatileMedium: Bool
    /// Operations of a round on a full store; nil: as many as keys.
    var operations: Int?
    /// The rows are for plots, too many for a table.
    var isForPlots = false

    var roundOperations: Int { operations ?? keys }

    /// Overwrites beside a view, each of another key.
    var viewedWrites: Int { min(roundOperations, keys) }

    /// What a workload makes of them.
    func own(to workload: Workload) -> RunParameters {
        var own = self
        if workload.hasOneThread { own.threads = 1 }
        return own
    }

    /// True when both would measure the same.
    func isSameMeasurement(as other: RunParameters) -> Bool {
        keys == other.keys && shape == other.shape && threads == other.threads && seed == other.seed
            && roundOperations == other.roundOperations
    }

    /// True when the row is what these parameters would measure, in as many rounds.
    func isMeasured(by row: BenchmarkRow) -> Bool {
        keys == row.keys && shape == PairShape(keyBytes: row.keyBytes, valueBytes: row.valueBytes)
            && threads == row.threads && seed == row.seed && roundOperations == row.roundOperations
            && row.rounds.count == rounds
    }

    /// Refuses what cannot be, with the remedy.
    func validate() throws {
        func require(_ condition: Bool, _ text: String) throws {
            if !condition { throw BenchmarkFailure(.usage, text) }
        }
        try require(
            keys > 0 && keys <= Int(UInt32.max), "--keys must be from 1 to \(UInt32.max), not \(keys)")
        try require(
            shape.keyBytes > 0 && shape.keyBytes <= 32768,
            "--key-size must be from 1 to 32768 bytes, not \(shape.keyBytes)")
        try require(
            shape.valueBytes >= 0 && shape.valueBytes <= 1 << 30,
            "--value-size must be from 0 to \(1 << 30) bytes, not \(shape.valueBytes)")
        try require(
            shape.capacity.map { UInt64(keys) <= $0 } ?? true,
            "\(keys) different keys do not fit \(shape.keyBytes) bytes: raise --key-size or lower --keys")
        try require(
            !batchSizes.isEmpty && batchSizes.allSatisfy { $0 > 0 && $0 <= 1 << 24 },
            "--batch-size must be a list of numbers from 1 to \(1 << 24), such as 1,10,1000")
        try require(threads > 0 && threads <= 1024, "--threads must be from 1 to 1024, not \(threads)")
        try require(
            roundOperations > 0 && roundOperations <= Int(UInt32.max),
            "--operations must be from 1 to \(UInt32.max), not \(roundOperations)")
        try require(rounds > 0, "--rounds must be at least 1, not \(rounds)")
        try require(
            latencySampling > 0 && latencySampling <= 1_000_000_000,
            "--latency-sampling must be from 1 to 1000000000, not \(latencySampling)")
    }

    /// Options for a store that holds the run's keys and those that YCSB inserts.
    func engineOptions(_ engine: EngineName, threads: Int, elidesFences: Bool = false) -> EngineOptions {
        EngineOptions(
            engine: engine,
            expectedPairs: keys + keys / 5 + 1000,
            expectedPairBytes: shape.pairBytes,
            threads: threads,
            isVolatileMedium: isVolatileMedium,
            elidesFences: elidesFences)
    }
}
