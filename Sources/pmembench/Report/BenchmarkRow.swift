/// One line of a report: the median round of one benchmark on one engine, and what every round gave.
struct BenchmarkRow: Sendable {
    var benchmark: String
    var engine: EngineName
    var threads: Int
    var keys: Int
    var keyBytes: Int
    var valueBytes: Int
    var operationsPerTransaction: Int
    var durability = ""
    var domain: String
    var lease: String
    /// 0 where there was no round.
    var operationsPerSecond: Double
    /// Why the engine cannot run the benchmark; nil for rows with figures.
    var obstacle: String?
    var latency: LatencySummary?
    /// Latencies of each kind of operation, where there are several.
    var latencyByOperation: [String: LatencySummary] = [:]
    var fencesPerTransaction: Double?
    var flushedLinesPerTransaction: Double?
    var nonTemporalBytesPerTransaction: Double?
    /// What checkpoints in the background added, beside the three figures above.
    var checkpointFencesPerTransaction: Double?
    var checkpointFlushedLinesPerTransaction: Double?
    var checkpointNonTemporalBytesPerTransaction: Double?
    var bytesPerPair: Double?
    /// What a writer did beside what was measured.
    var backgroundWritesPerSecond: Double?
    /// The longest that the writer beside a backup waited.
    var longestWriteNanoseconds: UInt64?
    /// Keys and values that a backup copied.
    var copiedBytesPerSecond: Double?
    /// Page faults of the process per operation that needed no input from a device.
    var minorFaultsPerOperation: Double?
    /// Operations per second of every round, in order; the row is the median round.
    var rounds: [Double] = []
    /// What is compared, round by round.
    var samples: [RoundSample] = []
    /// One in this many transactions was timed for the latencies; nil where there are none.
    var latencySampling: Int?
    var seed: UInt64
    /// For plots, not for tables.
    var isForPlots = false
    /// Name of the part of a plan, whose rows were measured in turn; empty where there was none.
    var part = ""
    /// Operations that a round on a full store was to do.
    var roundOperations = 0
}

/// What one round gave, as far as it is compared.
struct RoundSample: Sendable, Codable {
    var seconds: Double
    var operations: Int
    var operationsPerSecond: Double
    var backgroundWritesPerSecond: Double?
    var bytesPerPair: Double?
    var longestWriteNanoseconds: UInt64?
    var p50Nanoseconds: UInt64?
    var p999Nanoseconds: UInt64?
}

extension BenchmarkRow {
    /// The round whose throughput is the median (the lower of the two middle ones) stands for all. nil without rounds.
    init?(parameters: RunParameters, benchmark: BenchmarkCase, engine: EngineName, rounds: [RoundResult]) {
        let sorted = rounds.sorted { $0.operationsPerSecond < $1.operationsPerSecond }
        guard !sorted.isEmpty else { return nil }
        let median = sorted[(sorted.count - 1) / 2]
        self.init(
            benchmark: benchmark.label, engine: engine, threads: parameters.threads, keys: parameters.keys,
            keyBytes: parameters.shape.keyBytes, valueBytes: parameters.shape.valueBytes,
            operationsPerTransaction: benchmark.operationsPerTransaction, domain: median.domain,
            lease: median.lease, operationsPerSecond: median.operationsPerSecond, seed: parameters.seed)
        isForPlots = parameters.isForPlots
        roundOperations = parameters.roundOperations
        durability = median.durability
        let timing = benchmark.workload.isOpening ? Self.joined(rounds) : median.timing
        latency = timing.latency.summary
        latencyByOperation = Self.latencies(timing)
        setCosts(of: median)
        self.rounds = rounds.map(\.operationsPerSecond)
        samples = rounds.map(\.sample)
        latencySampling = median.latencySampling
    }

    /// A row without figures.
    init(_ parameters: RunParameters, _ benchmark: BenchmarkCase, _ engine: EngineName, obstacle: String) {
        self.init(
            benchmark: benchmark.label, engine: engine, threads: parameters.threads, keys: parameters.keys,
            keyBytes: parameters.shape.keyBytes, valueBytes: parameters.shape.valueBytes,
            operationsPerTransaction: benchmark.operationsPerTransaction, domain: "-", lease: "-",
            operationsPerSecond: 0, obstacle: obstacle, seed: parameters.seed)
        isForPlots = parameters.isForPlots
        roundOperations = parameters.roundOperations
    }

    /// One round opens a store a few times: the last percentiles are those of all rounds.
    private static func joined(_ rounds: [RoundResult]) -> Timing {
        rounds.reduce(into: Timing(nanoseconds: 0)) { $0.addLatencies($1.timing) }
    }

    private static func latencies(_ timing: Timing) -> [String: LatencySummary] {
        var found: [String: LatencySummary] = [:]
        for kind in OperationKind.allCases { found[kind.label] = timing.latency(of: kind)?.summary }
        return found
    }

    private mutating func setCosts(of round: RoundResult) {
        fencesPerTransaction = round.perTransaction(round.counters?.fences)
        flushedLinesPerTransaction = round.perTransaction(round.counters?.flushedLines)
        nonTemporalBytesPerTransaction = round.perTransaction(round.counters?.nonTemporalBytes)
        checkpointFencesPerTransaction = round.perTransaction(round.checkpointCounters?.fences)
        checkpointFlushedLinesPerTransaction = round.perTransaction(round.checkpointCounters?.flushedLines)
        checkpointNonTemporalBytesPerTransaction = round.perTransaction(
            round.checkpointCounters?.nonTemporalBytes)
        bytesPerPair = round.bytesPerPair
        backgroundWritesPerSecond = round.backgroundWritesPerSecond
        longestWriteNanoseconds = round.longestWriteNanoseconds
        copiedBytesPerSecond = round.copiedBytesPerSecond
        minorFaultsPerOperation = round.minorFaults.map { Double($0) / Double(max(round.operations, 1)) }
    }
}

extension RoundResult {
    var sample: RoundSample {
        let latency = timing.latency.summary
        return RoundSample(
            seconds: Double(timing.nanoseconds) / 1e9, operations: operations,
            operationsPerSecond: operationsPerSecond, backgroundWritesPerSecond: backgroundWritesPerSecond,
            bytesPerPair: bytesPerPair, longestWriteNanoseconds: longestWriteNanoseconds,
            p50Nanoseconds: latency?.p50, p999Nanoseconds: latency?.p999)
    }
}
