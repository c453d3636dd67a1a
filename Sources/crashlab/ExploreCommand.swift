internal import ArgumentParser
internal import Glibc
internal import PmemStore
internal import PmemStoreTesting

/// Bounded-exhaustive sequences, then random workloads, until the time is over. One worker of several.
struct ExploreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explore", abstract: "Runs sequences and random workloads, crashed everywhere.")

    @Option(help: "Number of this worker, from 0.") var worker = 0
    @Option(help: "Workers that share the work.") var workers = 1
    @Option(help: "Wall-clock seconds after which random workloads end. Sequences always finish.")
    var seconds = 60.0
    @Option(help: "Longest sequences of which all are run: 1, 2 or 3; 0: none, random workloads alone.")
    var length = 2
    @Option(help: "Of so many futures one lives on, crashed all the while. 0: none.") var lives = 4000
    @Option(help: "At one of so many events the process is killed before the power is cut. 0: never.")
    var kills = 50
    @Option(help: "Of so many futures one is damaged. 0: none.") var faults = 200
    @Option(help: "Crashes within the recovery of one in so many distinct futures. 0: none.") var nesting = 1
    @Flag(help: "Prints each workload.") var trace = false
    @Option(help: "First seed of the random workloads.") var seed: UInt64 = 1

    var plan: CrashPlan {
        var plan = CrashPlan()
        plan.lives = lives
        plan.kills = kills
        plan.faults = faults
        plan.nesting = nesting
        return plan
    }

    func validate() throws {
        try checkShare(worker: worker, workers: workers)
        guard seed <= 1 << 62 else { throw ValidationError("--seed must be at most \(1 << 62)") }
    }

    func run() throws {
        prepareProcess()
        var exploration = Exploration(command: self)
        try exploration.run()
        if !exploration.failures.isEmpty { throw ExitCode.failure }
    }
}

private struct Exploration {
    let command: ExploreCommand
    let begun = Clock.wall
    var tally = CrashTally()
    var sequences = 0
    var randoms = 0
    var failures: [CrashFailure] = []

    init(command: ExploreCommand) { self.command = command }

    mutating func run() throws {
        if command.length > 0 {
            try runSequences()
            report("sequences")
            try runModels()
            report("models")
            try runGrowth()
            report("growth")
        }
        try runRandom()
        report("total")
    }

    /// Every sequence of shapes from every start state; the crashes of its last step.
    private mutating func runSequences() throws {
        for start in OperationShapes.startNames.indices {
            let run = try CrashWorkload.sequence(start: start, shapes: [0], model: .lines)
                .makeRun(plan: command.plan, depth: 3)
            var number = 0
            for length in 1...max(1, min(command.length, 3)) {
                for shapes in Self.sequences(length) {
                    number += 1
                    if number % command.workers != command.worker { continue }
                    try explore(.sequence(start: start, shapes: shapes, model: .lines), on: run)
                    sequences += 1
                }
            }
            tally += run.explorer.tally
        }
    }

    private static func sequences(_ length: Int) -> [[Int]] {
        var all: [[Int]] = [[]]
        for _ in 0..<length {
            all = all.flatMap { head in OperationShapes.names.indices.map { head + [$0] } }
        }
        return all
    }

    /// The other models of the medium: every shape from every start state.
    private mutating func runModels() throws {
        for model in MediumModel.allCases where model != .lines {
            for start in OperationShapes.startNames.indices {
                let run = try CrashWorkload.sequence(start: start, shapes: [0], model: model)
                    .makeRun(plan: command.plan, depth: 2)
                for shape in OperationShapes.names.indices where shape % command.workers == command.worker {
                    try explore(.sequence(start: start, shapes: [shape], model: model), on: run)
                    sequences += 1
                }
                tally += run.explorer.tally
            }
        }
    }

    /// Scenarios in which the store grows, in all models. What the file system keeps is not damaged.
    private mutating func runGrowth() throws {
        var plan = command.plan
        plan.faults = 0
        plan.kills = min(plan.kills, 4)
        for model in MediumModel.allCases {
            for (number, scenario) in GrowthScenario.all.enumerated()
            where number % command.workers == command.worker {
                let workload = CrashWorkload.growth(
                    scenario: scenario.name, steps: scenario.steps.count, model: model)
                let run = try workload.makeRun(plan: plan, depth: 2)
                try explore(workload, on: run)
                sequences += 1
                tally += run.explorer.tally
            }
        }
    }

    private mutating func runRandom() throws {
        var plan = command.plan
        plan.futureLimit = 200_000
        let models: [MediumModel] = [.lines, .lines, .lines, .paranoid, .pages, .extendedCache]
        let runs = try MediumModel.allCases.map { model in
            (model, try CrashWorkload.random(seed: 1, steps: 1, model: model).makeRun(plan: plan, depth: 3))
        }
        var seed = command.seed + UInt64(command.worker)
        while Clock.wall - begun < command.seconds, failures.isEmpty {
            let model = models[Int(seed / UInt64(command.workers)) % models.count]
            guard let run = runs.first(where: { $0.0 == model })?.1 else { break }
            try explore(.random(seed: seed, steps: 12, model: model), on: run)
            randoms += 1
            seed += UInt64(command.workers)
        }
        for (_, run) in runs { tally += run.explorer.tally }
    }

    private mutating func explore(_ workload: CrashWorkload, on run: CrashRun) throws {
        let (before, begun) = (run.explorer.tally.all, Clock.processor)
        defer {
            if command.trace {
                let states = run.explorer.tally.all - before
                print("\(workload.name): \(states) states, \(Clock.processor - begun) s")
                fflush(nil)
            }
        }
        do {
            try workload.run(on: run)
        } catch {
            run.explorer.report(.live, "\(error)")
        }
        for place in run.explorer.takeGivenUp() { print("GIVEN UP \(place)") }
        for failure in run.failures {
            print("FAILURE \(failure)")
            if !failure.token.isEmpty { print("  .build/release/crashlab replay '\(failure.token)'") }
            failures.append(failure)
        }
    }

    private func report(_ what: String) {
        defer { fflush(nil) }
        let processor = Clock.processor
        print(
            "worker \(command.worker), \(what): \(sequences) sequences, \(randoms) random workloads, \(tally); "
                + "\(Int(Double(tally.all) / processor)) states a second of processor time, "
                + "\(Int(Clock.wall - begun)) s, \(failures.count) failures")
        if what == "total" {
            print(
                "RESULT \(tally.all) \(tally.nested) \(tally.deep) \(tally.capped) \(sequences) \(randoms) "
                    + "\(Int(processor)) \(failures.count) \(tally.damaged.all) \(tally.damaged.reported)")
        }
    }
}
