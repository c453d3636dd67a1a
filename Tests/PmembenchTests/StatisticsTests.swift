import Foundation
import Testing

@testable import pmembench

@Suite struct StatisticsTests {
    @Test func spreadOfOddAndEvenSeries() {
        #expect(Spread([]) == nil)
        #expect(Spread([3])?.median == 3)
        #expect(Spread([5, 1, 3])?.median == 3)
        #expect(Spread([4, 1, 3, 2])?.median == 2.5)
        #expect(Spread([4, 1, 3, 2])?.least == 1)
        #expect(Spread([4, 1, 3, 2])?.greatest == 4)
        #expect(Spread([9, 10, 11])?.relative == 0.1)
    }

    @Test func momentsOfASample() {
        let moments = Moments([2, 4, 4, 4, 5, 5, 7, 9])
        #expect(moments.mean == 5)
        #expect(abs(moments.deviation - (32.0 / 7).squareRoot()) < 1e-12)
        #expect(Moments([1]).deviation == 0)
        #expect(Moments([]).mean == 0)
    }

    @Test func quantilesOfStudentsT() {
        #expect(StudentT.quantile975(degrees: 1) == 12.706)
        #expect(StudentT.quantile975(degrees: 4) == 2.776)
        // From tables: 2.021 at 40, 1.984 at 100, 1.960 at infinity.
        #expect(abs(StudentT.quantile975(degrees: 40) - 2.021) < 0.001)
        #expect(abs(StudentT.quantile975(degrees: 100) - 1.984) < 0.001)
        #expect(abs(StudentT.quantile975(degrees: 1_000_000) - 1.960) < 0.001)
    }

    @Test func equalRatiosHaveANarrowInterval() throws {
        let ratio = try #require(PairedRatio([2, 4, 8], over: [1, 2, 4]))
        #expect(abs(ratio.ratio - 2) < 1e-12)
        #expect(abs(try #require(ratio.low) - 2) < 1e-9)
        #expect(abs(try #require(ratio.high) - 2) < 1e-9)
    }

    @Test func intervalFollowsTheFormula() throws {
        // Logarithms 0 and ln 4: mean ln 2, deviation ln 4 / sqrt 2, so the half width is 12.706 ln 2.
        let ratio = try #require(PairedRatio([1, 4], over: [1, 1]))
        #expect(abs(ratio.ratio - 2) < 1e-12)
        let factor = exp(12.706 * log(2))
        #expect(abs(try #require(ratio.high) / (2 * factor) - 1) < 1e-9)
        #expect(abs(try #require(ratio.low) * factor / 2 - 1) < 1e-9)
    }

    @Test func oneRoundHasNoInterval() {
        let ratio = PairedRatio([3], over: [2])
        #expect(ratio?.ratio == 1.5)
        #expect(ratio?.low == nil)
        #expect(PairedRatio([], over: []) == nil)
        #expect(PairedRatio([1], over: [0]) == nil)
    }

    /// An interval that does not hold what it promises is worse than none: of many series with a known ratio, about
    /// 95 % must have it inside.
    @Test func intervalsHoldTheTruthAsOftenAsTheySay() throws {
        var generator = SeededGenerator(seed: 11)
        var holds = 0
        let series = 2000
        for _ in 0..<series {
            let ours = (0..<5).map { _ in 3 * exp(0.1 * normal(&generator)) }
            let theirs = (0..<5).map { _ in exp(0.1 * normal(&generator)) }
            let ratio = try #require(PairedRatio(ours, over: theirs))
            if let low = ratio.low, let high = ratio.high, low <= 3, 3 <= high { holds += 1 }
        }
        #expect(abs(Double(holds) / Double(series) - 0.95) < 0.02)
    }

    private func normal(_ generator: inout SeededGenerator) -> Double {
        let radius = (-2 * log(1 - generator.unitInterval())).squareRoot()
        return radius * cos(2 * .pi * generator.unitInterval())
    }
}
