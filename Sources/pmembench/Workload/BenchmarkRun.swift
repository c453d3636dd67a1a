/// A whole run: every workload, round by round, the engines in turn within each round.
struct BenchmarkRun {
    let parts: [RunPart]
    let workspace: Workspace
    let record: RunRecord
    let progress: ProgressLine

    func run() throws {
        var step = RunProgress(line: progress, total: totalRounds)
        for part in parts {
            for parameters in part.configurations {
                let runners = try part.engines.map { try runner(for: $0, parameters) }
                defer { for runner in runners { try? runner.finish() } }
                for workload in part.workloads { try run(workload, parameters, runners, &step) }
            }
        }
        progress.clear()
    }

    private var totalRounds: Int {
        parts.reduce(0) { total, part in
            part.configurations.reduce(total) { total, parameters in
                let cases = part.workloads.reduce(0) {
                    $0 + $1.cases(batchSizes: parameters.batchSizes).count
                }
                return total + cases * part.engines.count * parameters.rounds
            }
        }
    }

    private func runner(for name: EngineName, _ parameters: RunParameters) throws -> any CaseRunner {
        let directory = workspace.path + "/" + name.rawValue
        return try name.accept(SessionMaker(name: name, parameters: parameters, directory: directory))
    }

    /// All rounds of one workload: case 1 on engine A, on engine B, case 2 on engine A …, then the next round. The
    /// engine that begins changes from round to round, so that none is always the one behind another.
    private func run(
        _ workload: Workload, _ parameters: RunParameters, _ runners: [any CaseRunner],
        _ step: inout RunProgress
    ) throws {
        // What an earlier part of the run has measured is not measured again.
        let cases = workload.cases(batchSizes: parameters.batchSizes).filter { benchmark in
            !runners.allSatisfy { record.has(parameters, benchmark, $0.name) }
        }
        let places = cases.map { benchmark in
            runners.map {
                record.announce(
                    parameters, benchmark, $0.name, obstacle: workload.obstacle($0.abilities))
            }
        }
        for round in 0..<parameters.rounds {
            for (caseIndex, benchmark) in cases.enumerated() {
                for turn in runners.indices {
                    let index = (turn + round) % runners.count
                    step.begin("\(benchmark.label), \(runners[index].name.rawValue), round \(round + 1)")
                    guard workload.obstacle(runners[index].abilities) == nil else { continue }
                    let seed = mixed(parameters.seed &+ UInt64(round))
                    let result = try runners[index].round(benchmark, seed: seed)
                    record.add(result, to: places[caseIndex][index])
                }
            }
        }
    }
}

/// The bar of a run: rounds that are done, and what is at work.
struct RunProgress {
    let line: ProgressLine
    let total: Int
    private var done = 0

    init(line: ProgressLine, total: Int) {
        self.line = line
        self.total = total
    }

    mutating func begin(_ label: String) {
        line.show(label, done: done, of: total, isUrgent: true)
        done += 1
    }
}

/// A session without its engine's type: called once per round, never inside a measured loop.
protocol CaseRunner: AnyObject {
    var name: EngineName { get }
    var abilities: EngineAbilities { get }
    func round(_ benchmark: BenchmarkCase, seed: UInt64) throws -> RoundResult
    func finish() throws
}

extension EngineSession: CaseRunner {
    var abilities: EngineAbilities { Engine.abilities }

    func finish() throws {
        try discard()
    }
}

private struct SessionMaker: EngineVisitor {
    let name: EngineName
    let parameters: RunParameters
    let directory: String

    func visit<Engine: BenchmarkEngine>(_ type: Engine.Type) -> any CaseRunner {
        EngineSession<Engine>(name: name, parameters: parameters, directory: directory)
    }
}
