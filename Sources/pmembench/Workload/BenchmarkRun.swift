/// A whole run: every case, round by round, the engines in turn within each round.
struct BenchmarkRun {
    let parameters: RunParameters
    let workloads: [Workload]
    let engines: [EngineName]
    let workspace: Workspace
    let progress: ProgressLine

    func rows() throws -> [BenchmarkRow] {
        let runners = engines.map { runner(for: $0) }
        defer { for runner in runners { try? runner.finish() } }
        return try workloads.flatMap { try rows(of: $0, runners) }
    }

    private func runner(for name: EngineName) -> any CaseRunner {
        let directory = workspace.path + "/" + name.rawValue
        switch name {
        case .pmemstore:
            return EngineSession<PmemStoreEngine>(parameters: parameters, directory: directory)
        case .libpmemobj:
            return EngineSession<PmemobjEngine>(parameters: parameters, directory: directory)
        }
    }

    /// All rounds of one workload: case 1 on engine A, on engine B, case 2 on engine A …, then the next round.
    private func rows(of workload: Workload, _ runners: [any CaseRunner]) throws -> [BenchmarkRow] {
        let cases = workload.cases(batchSizes: parameters.batchSizes)
        var results: [[[RoundResult]]] = cases.map { _ in runners.map { _ in [] } }
        for round in 0..<parameters.rounds {
            for (caseIndex, benchmark) in cases.enumerated() {
                for (engineIndex, runner) in runners.enumerated() where runner.canRun(benchmark) {
                    show(benchmark, runner.name, round)
                    let seed = mixed(parameters.seed &+ UInt64(round))
                    results[caseIndex][engineIndex].append(try runner.round(benchmark, seed: seed))
                }
            }
        }
        progress.clear()
        return zip(cases, results).flatMap { benchmark, ofEngines in
            zip(runners, ofEngines).compactMap { row(benchmark, $0.name, $1) }
        }
    }

    private func show(_ benchmark: BenchmarkCase, _ engine: EngineName, _ round: Int) {
        progress.show(
            "\(benchmark.label), \(benchmark.operationsPerTransaction) per tx, \(engine.rawValue), "
                + "round \(round + 1) of \(parameters.rounds)")
    }

    /// The round whose throughput is the median (the lower of the two middle ones) stands for all.
    private func row(_ benchmark: BenchmarkCase, _ engine: EngineName, _ rounds: [RoundResult])
        -> BenchmarkRow?
    {
        let sorted = rounds.sorted { $0.operationsPerSecond < $1.operationsPerSecond }
        guard !sorted.isEmpty else { return nil }
        let median = sorted[(sorted.count - 1) / 2]
        return BenchmarkRow(
            benchmark: benchmark.label, engine: engine, threads: parameters.threads, keys: parameters.keys,
            keyBytes: parameters.shape.keyBytes, valueBytes: parameters.shape.valueBytes,
            operationsPerTransaction: benchmark.operationsPerTransaction, domain: median.domain,
            lease: median.lease, operationsPerSecond: median.operationsPerSecond,
            latency: median.timing.latency.summary,
            fencesPerTransaction: median.perTransaction(median.counters?.fences),
            flushedLinesPerTransaction: median.perTransaction(median.counters?.flushedLines),
            nonTemporalBytesPerTransaction: median.perTransaction(median.counters?.nonTemporalBytes),
            checkpointFencesPerTransaction: median.perTransaction(median.checkpointCounters?.fences),
            checkpointFlushedLinesPerTransaction: median.perTransaction(
                median.checkpointCounters?.flushedLines),
            checkpointNonTemporalBytesPerTransaction: median.perTransaction(
                median.checkpointCounters?.nonTemporalBytes),
            bytesPerPair: median.bytesPerPair, backgroundWritesPerSecond: median.backgroundWritesPerSecond,
            rounds: rounds.map(\.operationsPerSecond), latencySampling: median.latencySampling,
            seed: parameters.seed)
    }
}

/// A session without its engine's type: called once per round, never inside a measured loop.
protocol CaseRunner: AnyObject {
    var name: EngineName { get }
    func canRun(_ benchmark: BenchmarkCase) -> Bool
    func round(_ benchmark: BenchmarkCase, seed: UInt64) throws -> RoundResult
    func finish() throws
}

extension EngineSession: CaseRunner {
    var name: EngineName { Engine.name }

    /// The durability tax needs an engine that can leave its fences out.
    func canRun(_ benchmark: BenchmarkCase) -> Bool {
        benchmark.workload != .durabilitytax || Engine.canElideFences
    }

    func finish() throws {
        try discard()
    }
}
