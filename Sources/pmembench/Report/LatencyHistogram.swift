import Histogram

/// Latencies in nanoseconds, up to a minute, to three digits.
struct LatencyHistogram: Sendable {
    private static let longest: UInt64 = 60_000_000_000
    private var histogram = Histogram<UInt64>(highestTrackableValue: longest)

    mutating func record(_ nanoseconds: UInt64) {
        histogram.record(min(nanoseconds, Self.longest))
    }

    mutating func add(_ other: LatencyHistogram) {
        histogram.add(other.histogram)
    }

    /// nil when nothing was recorded.
    var summary: LatencySummary? {
        guard histogram.totalCount > 0 else { return nil }
        return LatencySummary(
            p50: histogram.valueAtPercentile(50), p90: histogram.valueAtPercentile(90),
            p99: histogram.valueAtPercentile(99), p999: histogram.valueAtPercentile(99.9),
            p9999: histogram.valueAtPercentile(99.99), max: histogram.max)
    }
}

/// The percentiles that a row carries, in nanoseconds.
struct LatencySummary: Sendable, Encodable {
    let p50, p90, p99, p999, p9999, max: UInt64

    enum CodingKeys: String, CodingKey {
        case p50
        case p90
        case p99
        case p999 = "p99.9"
        case p9999 = "p99.99"
        case max
    }
}
