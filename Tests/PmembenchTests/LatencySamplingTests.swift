import Testing

@testable import pmembench

@Suite struct LatencySamplingTests {
    /// An engine that does something else every so many calls, for what the kind of a call stands in.
    private struct PeriodicStep: WorkStep {
        let period: Int
        let phase: Int
        private(set) var calls = 0
        private(set) var kind = OperationKind.read

        init(period: Int, phase: Int) {
            (self.period, self.phase) = (period, phase)
        }

        mutating func perform() {
            kind = calls % period == phase ? .update : .read
            calls += 1
        }
    }

    /// Shares have a deviation of (1/period · (1 - 1/period) / samples)^½, 0.004 at most.
    @Test(arguments: [2, 4, 8, 16, 32, 48, 160])
    func whatHappensPeriodicallyIsSeenAsOftenAsItHappens(period: Int) throws {
        let calls = 320_000
        for seed in UInt64(1)...4 {
            let phase = Int(seed) * 7 % period
            var steps = [0, 1].map { _ in PeriodicStep(period: period, phase: phase) }
            let timing = try StepRunner.run(
                &steps, callsPerStep: [calls, calls], sampling: LatencySampling(mean: 16, seed: seed))
            #expect(steps.map(\.calls) == [calls, calls])
            let all = try #require(timing.latency.summary?.count)
            #expect(abs(Double(all) / Double(2 * calls) * 16 - 1) < 0.01, "\(all) samples")
            let seen = timing.latency(of: .update)?.summary?.count ?? 0
            let share = Double(seen) / Double(all)
            #expect(abs(share - 1 / Double(period)) < 0.02, "seed \(seed): \(share) of 1/\(period)")
            #expect(seen > 0)
        }
    }

    @Test(arguments: [1, 2, 3, 16, 1000, 1_000_000_000])
    func distancesHaveTheirMean(mean: Int) {
        let distances = LatencySampling(mean: mean, seed: 3).distances(ofThread: 1)
        #expect(distances.reduce(0, +) == mean * distances.count)
        #expect(distances.allSatisfy { (1..<max(2 * mean, 2)).contains($0) })
        #expect(distances == LatencySampling(mean: mean, seed: 3).distances(ofThread: 1))
        #expect(mean == 1 || distances != LatencySampling(mean: mean, seed: 4).distances(ofThread: 1))
        #expect(mean == 1 || distances != LatencySampling(mean: mean, seed: 3).distances(ofThread: 2))
    }

    @Test func everyCallIsTimedWhereAllAre() throws {
        var steps = [PeriodicStep(period: 3, phase: 1)]
        let timing = try StepRunner.run(&steps, callsPerStep: [1000], sampling: .all)
        #expect(timing.latency.summary?.count == 1000)
        #expect(timing.latency(of: .update)?.summary?.count == 333)
    }
}
