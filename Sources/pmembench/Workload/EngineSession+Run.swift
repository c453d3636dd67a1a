extension EngineSession {
    /// How many of `total` operations each thread does.
    func shares(of total: Int) -> [Int] {
        let threads = parameters.threads
        return (0..<threads).map { ($0 + 1) * total / threads - $0 * total / threads }
    }

    /// Seed of one thread.
    func seed(_ seed: UInt64, ofThread thread: Int) -> UInt64 {
        mixed(seed &+ UInt64(thread) &* 0x9E37_79B9)
    }

    /// Zipf's law over the run's keys, worked out once.
    func zipfianRanks() -> ZipfianRanks {
        if let ranks { return ranks }
        let made = ZipfianRanks(count: UInt64(parameters.keys))
        ranks = made
        return made
    }

    /// Times the steps and counts what they did to the medium.
    func measure<Step: WorkStep>(
        _ engine: Engine, _ steps: inout [Step], calls: [Int], operationsPerCall: Int = 1,
        samplesAll: Bool = false
    ) throws -> RoundResult {
        let sampling = samplesAll ? 1 : parameters.latencySampling
        let faults = PageFaults.minor
        let before = (engine.mediumCounters, engine.checkpointCounters)
        let timing = try StepRunner.run(
            &steps, callsPerStep: calls, sampling: LatencySampling(mean: sampling, seed: parameters.seed))
        let after = (engine.mediumCounters, engine.checkpointCounters)
        let transactions = calls.reduce(0, +)
        return RoundResult(
            operations: transactions * operationsPerCall, transactions: transactions, timing: timing,
            counters: difference(after.0, before.0), checkpointCounters: difference(after.1, before.1),
            latencySampling: sampling, minorFaults: PageFaults.minor - faults)
    }

    private func difference(_ later: MediumCounters?, _ earlier: MediumCounters?) -> MediumCounters? {
        guard let later, let earlier else { return nil }
        return later - earlier
    }

    /// Fails the run when a workload did not find what it must find.
    func expect(_ found: Int, _ expected: Int, _ what: String) throws {
        guard found != expected else { return }
        throw BenchmarkFailure(
            .failure,
            "\(name.rawValue): \(what): expected \(expected), found \(found); the engine is wrong")
    }
}
