/// What of a row is compared.
enum Metric: String, CaseIterable, Sendable, Encodable {
    case operationsPerSecond
    case backgroundWritesPerSecond
    /// Moves least when other processes take the processor away.
    case p50Nanoseconds
    case p999Nanoseconds
    case bytesPerPair
    /// The longest wait of the writer beside a backup.
    case longestWriteNanoseconds

    /// The rounds' figures; nil for rounds without one, so that rounds keep their places.
    func figures(_ row: BenchmarkRow) -> [Double?] {
        row.samples.map { sample in
            switch self {
            case .operationsPerSecond: return sample.operationsPerSecond
            case .backgroundWritesPerSecond: return sample.backgroundWritesPerSecond
            case .p50Nanoseconds: return sample.p50Nanoseconds.map { Double($0) }
            case .p999Nanoseconds: return sample.p999Nanoseconds.map { Double($0) }
            case .bytesPerPair: return sample.bytesPerPair
            case .longestWriteNanoseconds: return sample.longestWriteNanoseconds.map { Double($0) }
            }
        }
    }

    var moreIsBetter: Bool {
        switch self {
        case .operationsPerSecond, .backgroundWritesPerSecond: return true
        case .p50Nanoseconds, .p999Nanoseconds, .bytesPerPair, .longestWriteNanoseconds: return false
        }
    }

    var label: String {
        switch self {
        case .operationsPerSecond: return "operations per second"
        case .backgroundWritesPerSecond: return "writes per second beside what is measured"
        case .p50Nanoseconds: return "median time of a transaction"
        case .p999Nanoseconds: return "p99.9 of a transaction"
        case .bytesPerPair: return "bytes per pair"
        case .longestWriteNanoseconds: return "longest wait of the writer beside a backup"
        }
    }
}

/// The first engine against one other, in one benchmark and one metric. For rates the ratio says how many times as
/// many; for latencies and bytes, how many times as much: there, less than 1 is better.
struct Comparison: Sendable {
    let part: String
    let benchmark: String
    let operationsPerTransaction: Int
    let keys: Int
    let keyBytes: Int
    let valueBytes: Int
    let threads: Int
    let metric: Metric
    let engine: EngineName
    let opponent: EngineName
    let ratio: PairedRatio

    /// Above 1 where the engine does better than its opponent.
    var advantage: Double { metric.moreIsBetter ? ratio.ratio : 1 / ratio.ratio }

    /// Every benchmark of the first engine against every other engine that ran it too.
    static func all(_ rows: [BenchmarkRow]) -> [Comparison] {
        guard let engine = rows.first?.engine else { return [] }
        return rows.filter { $0.engine == engine }.flatMap { ours in
            rows.filter { $0.engine != engine && ours.isSameBenchmark(as: $0) }.flatMap { theirs in
                Metric.allCases.compactMap { compare(ours, theirs, $0) }
            }
        }
    }

    private static func compare(_ ours: BenchmarkRow, _ theirs: BenchmarkRow, _ metric: Metric) -> Comparison?
    {
        let ratio = PairedRatio(metric.figures(ours), over: metric.figures(theirs))
        return ratio.map {
            Comparison(
                part: ours.part, benchmark: ours.benchmark,
                operationsPerTransaction: ours.operationsPerTransaction, keys: ours.keys,
                keyBytes: ours.keyBytes, valueBytes: ours.valueBytes, threads: ours.threads, metric: metric,
                engine: ours.engine, opponent: theirs.engine, ratio: $0)
        }
    }

    /// The opponent that does best in each benchmark and metric.
    static func best(_ all: [Comparison]) -> [Comparison] {
        var best: [Comparison] = []
        for one in all {
            if let index = best.firstIndex(where: { $0.isSameBenchmark(as: one) }) {
                if one.advantage < best[index].advantage { best[index] = one }
            } else {
                best.append(one)
            }
        }
        return best
    }

    private func isSameBenchmark(as other: Comparison) -> Bool {
        part == other.part && benchmark == other.benchmark
            && operationsPerTransaction == other.operationsPerTransaction && keys == other.keys
            && keyBytes == other.keyBytes && valueBytes == other.valueBytes && threads == other.threads
            && metric == other.metric
    }
}

extension BenchmarkRow {
    /// Rounds of one part were measured in turn; those of another part are no pairs with them.
    func isSameBenchmark(as other: BenchmarkRow) -> Bool {
        part == other.part && benchmark == other.benchmark
            && operationsPerTransaction == other.operationsPerTransaction
            && keys == other.keys && keyBytes == other.keyBytes && valueBytes == other.valueBytes
            && threads == other.threads
    }
}

extension Comparison: Encodable {
    enum CodingKeys: String, CodingKey {
        case part, benchmark, operationsPerTransaction, keys, keyBytes, valueBytes, threads, metric, engine
        case opponent, ratio
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(part, forKey: .part)
        try container.encode(benchmark, forKey: .benchmark)
        try container.encode(operationsPerTransaction, forKey: .operationsPerTransaction)
        try container.encode(keys, forKey: .keys)
        try container.encode(keyBytes, forKey: .keyBytes)
        try container.encode(valueBytes, forKey: .valueBytes)
        try container.encode(threads, forKey: .threads)
        try container.encode(metric, forKey: .metric)
        try container.encode(engine.rawValue, forKey: .engine)
        try container.encode(opponent.rawValue, forKey: .opponent)
        try container.encode(ratio, forKey: .ratio)
    }
}
