import Foundation

/// Middle and spread of a few figures.
struct Spread: Sendable, Equatable {
    let median: Double
    let least: Double
    let greatest: Double

    /// nil without figures.
    init?(_ figures: [Double]) {
        let sorted = figures.sorted()
        guard let first = sorted.first, let last = sorted.last else { return nil }
        let middle = sorted.count / 2
        median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
        least = first
        greatest = last
    }

    /// Half the distance between the extremes, as a part of the median.
    var relative: Double { median == 0 ? 0 : (greatest - least) / 2 / median }
}

/// Average and deviation of a few figures.
struct Moments: Sendable {
    let mean: Double
    /// Of the sample, that is with n - 1; 0 for one figure.
    let deviation: Double

    init(_ figures: [Double]) {
        let count = Double(max(figures.count, 1))
        let mean = figures.reduce(0, +) / count
        let squares = figures.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        self.mean = mean
        deviation = figures.count > 1 ? (squares / (count - 1)).squareRoot() : 0
    }
}

/// How many times one series of rounds is the other one: the geometric mean over pairs of rounds, with the 95 %
/// interval of Student's t for the mean of the logarithms. Pairs belong to the same round, so that a slow minute of
/// the machine meets both.
struct PairedRatio: Sendable, Equatable, Encodable {
    let ratio: Double
    /// nil with fewer than two pairs.
    let low: Double?
    let high: Double?
    let rounds: Int

    /// nil when there is no pair of positive figures.
    init?(_ ours: [Double?], over theirs: [Double?]) {
        let logarithms = zip(ours, theirs).compactMap { ours, theirs -> Double? in
            guard let ours, let theirs, ours > 0, theirs > 0 else { return nil }
            return log(ours / theirs)
        }
        guard !logarithms.isEmpty else { return nil }
        let moments = Moments(logarithms)
        rounds = logarithms.count
        ratio = exp(moments.mean)
        guard rounds > 1 else {
            low = nil
            high = nil
            return
        }
        let width =
            StudentT.quantile975(degrees: rounds - 1) * moments.deviation / Double(rounds).squareRoot()
        low = exp(moments.mean - width)
        high = exp(moments.mean + width)
    }

    enum CodingKeys: String, CodingKey {
        case ratio, low, high, rounds
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(ratio, forKey: .ratio)
        try container.encode(low, forKey: .low)
        try container.encode(high, forKey: .high)
        try container.encode(rounds, forKey: .rounds)
    }
}

/// Student's t distribution.
enum StudentT {
    private static let table = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145,
        2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048,
        2.045, 2.042,
    ]

    /// The 97.5 % quantile. Exact to three places up to 30 degrees of freedom, then by the first terms of its
    /// expansion.
    static func quantile975(degrees: Int) -> Double {
        precondition(degrees > 0)
        if degrees <= table.count { return table[degrees - 1] }
        let z = 1.959964
        let n = Double(degrees)
        return z + (z * z * z + z) / (4 * n) + (5 * pow(z, 5) + 16 * z * z * z + 3 * z) / (96 * n * n)
    }
}
