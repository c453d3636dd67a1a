/// One line of a report: the median round of one benchmark on one engine.
struct BenchmarkRow: Sendable {
    var benchmark: String
    var engine: EngineName
    var threads: Int
    var keys: Int
    var keyBytes: Int
    var valueBytes: Int
    var operationsPerTransaction: Int
    var domain: String
    var lease: String
    var operationsPerSecond: Double
    var latency: LatencySummary?
    var fencesPerTransaction: Double?
    var flushedLinesPerTransaction: Double?
    var nonTemporalBytesPerTransaction: Double?
    /// What checkpoints in the background added, beside the three figures above.
    var checkpointFencesPerTransaction: Double?
    var checkpointFlushedLinesPerTransaction: Double?
    var checkpointNonTemporalBytesPerTransaction: Double?
    var bytesPerPair: Double?
    /// What a writer did beside the readers of `readwhilewriting`.
    var backgroundWritesPerSecond: Double?
    /// Operations per second of every round, in order; the row is the median round.
    var rounds: [Double] = []
    /// One in this many transactions was timed for the latencies; nil where there are none.
    var latencySampling: Int?
    var seed: UInt64
}

extension BenchmarkRow: Encodable {
    enum CodingKeys: String, CodingKey {
        case benchmark, engine, threads, keys, keyBytes, valueBytes, operationsPerTransaction, domain, lease
        case operationsPerSecond, latencyNanoseconds, fencesPerTransaction, flushedLinesPerTransaction
        case nonTemporalBytesPerTransaction, checkpointFencesPerTransaction,
            checkpointFlushedLinesPerTransaction
        case checkpointNonTemporalBytesPerTransaction, bytesPerPair, backgroundWritesPerSecond, rounds,
            latencySampling,
            seed
    }

    /// Unknown figures are written as null, not left out.
    func encode(to encoder: any Encoder) throws {
        var row = encoder.container(keyedBy: CodingKeys.self)
        try row.encode(benchmark, forKey: .benchmark)
        try row.encode(engine.rawValue, forKey: .engine)
        try row.encode(threads, forKey: .threads)
        try row.encode(keys, forKey: .keys)
        try row.encode(keyBytes, forKey: .keyBytes)
        try row.encode(valueBytes, forKey: .valueBytes)
        try row.encode(operationsPerTransaction, forKey: .operationsPerTransaction)
        try row.encode(domain, forKey: .domain)
        try row.encode(lease, forKey: .lease)
        try row.encode(operationsPerSecond, forKey: .operationsPerSecond)
        try row.encode(latency, forKey: .latencyNanoseconds)
        try row.encode(fencesPerTransaction, forKey: .fencesPerTransaction)
        try row.encode(flushedLinesPerTransaction, forKey: .flushedLinesPerTransaction)
        try row.encode(nonTemporalBytesPerTransaction, forKey: .nonTemporalBytesPerTransaction)
        try row.encode(checkpointFencesPerTransaction, forKey: .checkpointFencesPerTransaction)
        try row.encode(checkpointFlushedLinesPerTransaction, forKey: .checkpointFlushedLinesPerTransaction)
        try row.encode(
            checkpointNonTemporalBytesPerTransaction, forKey: .checkpointNonTemporalBytesPerTransaction)
        try row.encode(bytesPerPair, forKey: .bytesPerPair)
        try row.encode(backgroundWritesPerSecond, forKey: .backgroundWritesPerSecond)
        try row.encode(rounds, forKey: .rounds)
        try row.encode(latencySampling, forKey: .latencySampling)
        try row.encode(seed, forKey: .seed)
    }
}
