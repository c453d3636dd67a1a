/// A whole run: every workload, round by round, the engines in turn within each round.
struct BenchmarkRun {
    let parts: [RunPart]
    let workspace: Workspace
    let record: RunRecord
    let progress: ProgressLine
    /// Called after each workload.
    var save: () throws -> Void = {}

    /// One row for each engine.
    private struct PlannedCase {
        let benchmark: BenchmarkCase
        let places: [Int]
        let isDone: Bool
    }

    /// What is measured on the same stores; cases of one workload take turns.
    private struct Stage {
        let part: RunPart
        let parameters: RunParameters
        let workloads: [[PlannedCase]]

        var rounds: Int { workloads.reduce(0) { $0 + $1.count } * part.engines.count * parameters.rounds }
    }

    func run() throws {
        // All at once, before the first round: what is kept of an earlier run outlives an interruption of this one.
        let stages = try parts.flatMap { part in try part.configurations.map { try stage(part, $0) } }
        var step = RunProgress(line: progress, total: stages.reduce(0) { $0 + $1.rounds })
        for stage in stages where stage.rounds > 0 {
            let runners = try stage.part.engines.map { try runner(for: $0, stage.parameters) }
            defer { for runner in runners { try? runner.finish() } }
            for cases in stage.workloads {
                try run(cases, stage, runners, &step)
                try save()
            }
        }
        progress.clear()
    }

    /// Announces the rows of a part's configuration, and keeps what is to be measured.
    private func stage(_ part: RunPart, _ parameters: RunParameters) throws -> Stage {
        let abilities = try part.engines.map { try $0.accept(AbilityReader()) }
        let workloads = part.workloads.map { workload in
            let parameters = parameters.own(to: workload)
            let engines = zip(part.engines, abilities).map { (name: $0, obstacle: workload.obstacle($1)) }
            return workload.cases(batchSizes: parameters.batchSizes).compactMap { benchmark -> PlannedCase? in
                // What an earlier part of the run has measured is not measured again.
                if record.has(parameters, benchmark, part.engines) { return nil }
                let (places, isDone) = record.announce(part.name, parameters, benchmark, engines)
                return PlannedCase(benchmark: benchmark, places: places, isDone: isDone)
            }.filter { part.isChosen && !$0.isDone }
        }
        return Stage(part: part, parameters: parameters, workloads: workloads.filter { !$0.isEmpty })
    }

    private func runner(for name: EngineName, _ parameters: RunParameters) throws -> any CaseRunner {
        let directory = workspace.path + "/" + name.rawValue
        return try name.accept(SessionMaker(name: name, parameters: parameters, directory: directory))
    }

    /// All rounds of one workload: case 1 on engine A, on engine B, case 2 on engine A …, then the next round. The
    /// engine that begins changes from round to round, so that none is always the one behind another.
    private func run(
        _ cases: [PlannedCase], _ stage: Stage, _ runners: [any CaseRunner], _ step: inout RunProgress
    ) throws {
        let place = stage.part.name.isEmpty ? "" : stage.part.name + ", "
        for round in 0..<stage.parameters.rounds {
            for planned in cases {
                for turn in runners.indices {
                    let index = (turn + round) % runners.count
                    let work =
                        "\(planned.benchmark.label), \(runners[index].name.rawValue), round \(round + 1)"
                    record.begin(place + work)
                    step.begin(place + work)
                    guard planned.benchmark.workload.obstacle(runners[index].abilities) == nil else {
                        continue
                    }
                    let seed = mixed(stage.parameters.seed &+ UInt64(round))
                    let result = try runners[index].round(planned.benchmark, seed: seed)
                    record.add(result, to: planned.places[index])
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

private struct AbilityReader: EngineVisitor {
    func visit<Engine: BenchmarkEngine>(_ type: Engine.Type) -> EngineAbilities { type.abilities }
}
