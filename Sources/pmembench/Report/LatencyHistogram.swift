import Histogram

/// Latencies in nanoseconds to three digits, up to an hour; what takes longer counts as an hour, but for the longest.
struct LatencyHistogram: Sendable {
    private static let longest: UInt64 = 3_600_000_000_000
    private var histogram = Histogram<UInt64>(highestTrackableValue: longest)
    private var greatest: UInt64 = 0

    mutating func record(_ nanoseconds: UInt64) {
        histogram.record(min(nanoseconds, Self.longest))
        greatest = max(greatest, nanoseconds)
    }

    mutating func add(_ other: LatencyHistogram) {
        histogram.add(other.histogram)
        greatest = max(greatest, other.greatest)
    }

    /// nil when nothing was recorded.
    var summary: LatencySummary? {
        guard histogram.totalCount > 0 else { return nil }
        return LatencySummary(
            count: histogram.totalCount, mean: histogram.mean, deviation: histogram.stdDeviation,
            min: histogram.min,
            distribution: LatencySummary.percentiles.map { histogram.valueAtPercentile($0) },
            max: greatest)
    }
}

/// The figures that a row carries, in nanoseconds.
struct LatencySummary: Sendable, Equatable {
    static let percentiles = [10, 25, 50, 75, 90, 95, 99, 99.9, 99.99]

    let count: UInt64
    let mean: Double
    let deviation: Double
    let min: UInt64
    /// Values at `percentiles`.
    let distribution: [UInt64]
    let max: UInt64

    var p50: UInt64 { distribution[2] }
    var p90: UInt64 { distribution[4] }
    var p95: UInt64 { distribution[5] }
    var p99: UInt64 { distribution[6] }
    var p999: UInt64 { distribution[7] }
    var p9999: UInt64 { distribution[8] }
}

extension LatencySummary: Codable {
    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Name.self)
        try container.encode(count, forKey: Name(stringValue: "count"))
        try container.encode(mean, forKey: Name(stringValue: "mean"))
        try container.encode(deviation, forKey: Name(stringValue: "deviation"))
        try container.encode(min, forKey: Name(stringValue: "min"))
        for (percentile, value) in zip(Self.percentiles, distribution) {
            try container.encode(value, forKey: Self.name(of: percentile))
        }
        try container.encode(max, forKey: Name(stringValue: "max"))
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Name.self)
        count = try container.decode(UInt64.self, forKey: Name(stringValue: "count"))
        mean = try container.decode(Double.self, forKey: Name(stringValue: "mean"))
        deviation = try container.decode(Double.self, forKey: Name(stringValue: "deviation"))
        min = try container.decode(UInt64.self, forKey: Name(stringValue: "min"))
        distribution = try Self.percentiles.map {
            try container.decode(UInt64.self, forKey: Self.name(of: $0))
        }
        max = try container.decode(UInt64.self, forKey: Name(stringValue: "max"))
    }

    private static func name(of percentile: Double) -> Name {
        let text = percentile == percentile.rounded() ? "\(Int(percentile))" : "\(percentile)"
        return Name(stringValue: "p" + text)
    }
}
