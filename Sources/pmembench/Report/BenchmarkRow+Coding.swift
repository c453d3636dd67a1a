extension BenchmarkRow: Codable {
    enum CodingKeys: String, CodingKey {
        case benchmark, engine, threads, keys, keyBytes, valueBytes, operationsPerTransaction, durability
        case domain, lease, operationsPerSecond, latencyNanoseconds, latencyNanosecondsByOperation
        case fencesPerTransaction, flushedLinesPerTransaction, nonTemporalBytesPerTransaction
        case checkpointFencesPerTransaction, checkpointFlushedLinesPerTransaction
        case checkpointNonTemporalBytesPerTransaction, bytesPerPair, backgroundWritesPerSecond
        case longestWriteNanoseconds, copiedBytesPerSecond, obstacle, isForPlots
        case minorFaultsPerOperation, rounds, samples, latencySampling, seed
        case part, roundOperations
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
        try row.encode(durability, forKey: .durability)
        try row.encode(domain, forKey: .domain)
        try row.encode(lease, forKey: .lease)
        try row.encode(operationsPerSecond, forKey: .operationsPerSecond)
        try row.encode(latency, forKey: .latencyNanoseconds)
        try row.encode(latencyByOperation, forKey: .latencyNanosecondsByOperation)
        try row.encode(fencesPerTransaction, forKey: .fencesPerTransaction)
        try row.encode(flushedLinesPerTransaction, forKey: .flushedLinesPerTransaction)
        try row.encode(nonTemporalBytesPerTransaction, forKey: .nonTemporalBytesPerTransaction)
        try row.encode(checkpointFencesPerTransaction, forKey: .checkpointFencesPerTransaction)
        try row.encode(checkpointFlushedLinesPerTransaction, forKey: .checkpointFlushedLinesPerTransaction)
        try row.encode(
            checkpointNonTemporalBytesPerTransaction, forKey: .checkpointNonTemporalBytesPerTransaction)
        try row.encode(bytesPerPair, forKey: .bytesPerPair)
        try row.encode(backgroundWritesPerSecond, forKey: .backgroundWritesPerSecond)
        try row.encode(longestWriteNanoseconds, forKey: .longestWriteNanoseconds)
        try row.encode(copiedBytesPerSecond, forKey: .copiedBytesPerSecond)
        try row.encode(isForPlots, forKey: .isForPlots)
        try row.encode(obstacle, forKey: .obstacle)
        try row.encode(minorFaultsPerOperation, forKey: .minorFaultsPerOperation)
        try row.encode(rounds, forKey: .rounds)
        try row.encode(samples, forKey: .samples)
        try row.encode(latencySampling, forKey: .latencySampling)
        try row.encode(seed, forKey: .seed)
        try row.encode(part, forKey: .part)
        try row.encode(roundOperations, forKey: .roundOperations)
    }

    init(from decoder: any Decoder) throws {
        let row = try decoder.container(keyedBy: CodingKeys.self)
        let name = try row.decode(String.self, forKey: .engine)
        guard let engine = EngineName(rawValue: name) else {
            throw DecodingError.dataCorruptedError(forKey: .engine, in: row, debugDescription: name)
        }
        self.init(
            benchmark: try row.decode(String.self, forKey: .benchmark), engine: engine,
            threads: try row.decode(Int.self, forKey: .threads),
            keys: try row.decode(Int.self, forKey: .keys),
            keyBytes: try row.decode(Int.self, forKey: .keyBytes),
            valueBytes: try row.decode(Int.self, forKey: .valueBytes),
            operationsPerTransaction: try row.decode(Int.self, forKey: .operationsPerTransaction),
            domain: try row.decode(String.self, forKey: .domain),
            lease: try row.decode(String.self, forKey: .lease),
            operationsPerSecond: try row.decode(Double.self, forKey: .operationsPerSecond),
            seed: try row.decode(UInt64.self, forKey: .seed))
        part = try row.decode(String.self, forKey: .part)
        roundOperations = try row.decode(Int.self, forKey: .roundOperations)
        durability = try row.decode(String.self, forKey: .durability)
        obstacle = try row.decode(String?.self, forKey: .obstacle)
        isForPlots = try row.decode(Bool.self, forKey: .isForPlots)
        rounds = try row.decode([Double].self, forKey: .rounds)
        samples = try row.decode([RoundSample].self, forKey: .samples)
        latencySampling = try row.decode(Int?.self, forKey: .latencySampling)
        latency = try row.decode(LatencySummary?.self, forKey: .latencyNanoseconds)
        latencyByOperation = try row.decode(
            [String: LatencySummary].self, forKey: .latencyNanosecondsByOperation)
        try decodeCosts(row)
    }

    private mutating func decodeCosts(_ row: KeyedDecodingContainer<CodingKeys>) throws {
        fencesPerTransaction = try row.decode(Double?.self, forKey: .fencesPerTransaction)
        flushedLinesPerTransaction = try row.decode(Double?.self, forKey: .flushedLinesPerTransaction)
        nonTemporalBytesPerTransaction = try row.decode(Double?.self, forKey: .nonTemporalBytesPerTransaction)
        checkpointFencesPerTransaction = try row.decode(Double?.self, forKey: .checkpointFencesPerTransaction)
        checkpointFlushedLinesPerTransaction = try row.decode(
            Double?.self, forKey: .checkpointFlushedLinesPerTransaction)
        checkpointNonTemporalBytesPerTransaction = try row.decode(
            Double?.self, forKey: .checkpointNonTemporalBytesPerTransaction)
        bytesPerPair = try row.decode(Double?.self, forKey: .bytesPerPair)
        backgroundWritesPerSecond = try row.decode(Double?.self, forKey: .backgroundWritesPerSecond)
        longestWriteNanoseconds = try row.decode(UInt64?.self, forKey: .longestWriteNanoseconds)
        copiedBytesPerSecond = try row.decode(Double?.self, forKey: .copiedBytesPerSecond)
        minorFaultsPerOperation = try row.decode(Double?.self, forKey: .minorFaultsPerOperation)
    }
}
