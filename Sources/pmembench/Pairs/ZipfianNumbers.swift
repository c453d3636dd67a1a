import Foundation

/// Ranks from 0 by Zipf's law, by the method of Gray et al., "Quickly generating billion-record synthetic databases".
struct ZipfianRanks: Sendable {
    private let count: UInt64
    private let alpha: Double
    private let zeta: Double
    private let eta: Double
    private let secondRank: Double

    /// `skew` is YCSB's 0.99 unless told otherwise. Costs O(count).
    init(count: UInt64, skew: Double = 0.99) {
        precondition(count > 0 && skew > 0 && skew < 1)
        self.count = count
        alpha = 1 / (1 - skew)
        var sum = 0.0
        for rank in 1...count { sum += pow(Double(rank), -skew) }
        zeta = sum
        secondRank = 1 + pow(0.5, skew)
        eta = (1 - pow(2 / Double(count), 1 - skew)) / (1 - secondRank / sum)
    }

    /// Probability of the most frequent rank.
    var headProbability: Double { 1 / zeta }

    func rank(_ uniform: Double) -> UInt64 {
        let scaled = uniform * zeta
        if scaled < 1 { return 0 }
        if scaled < secondRank { return min(1, count - 1) }
        return min(count - 1, UInt64(Double(count) * pow(eta * uniform - eta + 1, alpha)))
    }
}

/// Zipfian popularity, with the popular keys scattered over the whole key space.
struct ScrambledZipfianNumbers: NumberSource {
    private let ranks: ZipfianRanks
    private let count: UInt64
    private var generator: SeededGenerator

    init(ranks: ZipfianRanks, count: UInt64, seed: UInt64) {
        self.ranks = ranks
        self.count = count
        generator = SeededGenerator(seed: seed)
    }

    mutating func next() -> UInt64 {
        mixed(ranks.rank(generator.unitInterval()) &+ 1).multipliedFullWidth(by: count).high
    }
}
