internal import ArgumentParser
internal import Foundation
internal import Glibc
internal import PmemStore
internal import PmemStoreTesting

/// Bounded-exhaustive sequences, then random workloads, until the time is over. One worker of several.
struct ExploreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explore", abstract: "Runs sequences and random workloads, crashed everywhere.")

    @Option(help: "Number of this worker, from 0.") var worker = 0
    @Option(help: "Workers that share the work.") var workers = 1
    @Option(help: "Wall-clock seconds until the end. Sequences of one and two steps always finish.")
    var seconds = 60.0
    @Option(help: "Longest sequences of which all are run: 1, 2 or 3; 0: none, random workloads alone.")
    var length = 2
    @Option(help: "So many sequences of three steps were explored before, as that run's end says.")
    var from = 0
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
        guard (0...3).contains(length) else {
            throw ValidationError("--length must be from 0 to 3, not \(length)")
        }
        let all = Exploration.sequences(3).count
        guard (0...all).contains(from) else {
            throw ValidationError("--from must be from 0 to \(all), not \(from)")
        }
        guard seed <= 1 << 62 else { throw ValidationError("--seed must be at most \(1 << 62)") }
    }

    func run() throws {
        prepareProcess()
        Interruption.isAwaited()
        var exploration = Exploration(command: self)
        try exploration.run()
        if !exploration.failures.isEmpty { throw ExitCode.failure }
    }
}

struct Exploration {
    let command: ExploreCommand
    let begun = Clock.wall
    var lastProgress = Clock.wall
    var finished = CrashTally()
    var sequences = 0
    var randoms = 0
    /// Sequences of three steps, of all workers together, that need not be run again.
    var reached = 0
    var failures: [CrashFailure] = []

    init(command: ExploreCommand) { self.command = command }

    var hasTime: Bool { Clock.wall - begun < command.seconds && !Interruption.isAsked }

    mutating func run() throws {
        if command.length > 0 {
            for length in 1...min(command.length, 2) { try runSequences(of: length) }
            report("sequences")
            try runModels()
            report("models")
            try runGrowth()
            report("growth")
        }
        if command.length > 2 {
            try runSequences(of: 3)
            report("sequences of three steps")
        }
        try runRandom()
        report("total")
    }

    /// Every sequence of so many shapes from every start state; the crashes of its last step, since those of the steps
    /// before are a shorter sequence's. Three steps take hours: they go as far as the time does, all start states of
    /// one sequence after the other, so that a later run can go on.
    private mutating func runSequences(of length: Int) throws {
        let runs = try OperationShapes.startNames.indices.map { start in
            try CrashWorkload.sequence(start: start, shapes: [0], model: .lines)
                .makeRun(plan: command.plan, depth: 3)
        }
        for (number, shapes) in Self.sequences(length).enumerated() {
            if Interruption.isAsked { break }
            if length == 3 {
                if number < command.from { continue }
                if !hasTime { break }
                reached = number + 1
            }
            if shapes.reduce(0, +) % command.workers != command.worker { continue }
            for (start, run) in runs.enumerated() {
                try explore(.sequence(start: start, shapes: shapes, model: .lines), on: run)
                sequences += 1
            }
            showProgress(runs)
        }
        for run in runs { finished += run.explorer.tally }
    }

    static func sequences(_ length: Int) -> [[Int]] {
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
                finished += run.explorer.tally
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
                finished += run.explorer.tally
            }
        }
    }

    private mutating func runRandom() throws {
        let plan = command.plan
        let models: [MediumModel] = [.lines, .lines, .lines, .paranoid, .pages, .extendedCache]
        let runs = try MediumModel.allCases.map { model in
            (model, try CrashWorkload.random(seed: 1, steps: 1, model: model).makeRun(plan: plan, depth: 3))
        }
        var seed = command.seed + UInt64(command.worker)
        while hasTime, failures.isEmpty {
            let model = models[Int(seed / UInt64(command.workers)) % models.count]
            guard let run = runs.first(where: { $0.0 == model })?.1 else { break }
            try explore(.random(seed: seed, steps: 12, model: model), on: run)
            randoms += 1
            seed += UInt64(command.workers)
            showProgress(runs.map(\.1))
        }
        for (_, run) in runs { finished += run.explorer.tally }
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

    /// Once a minute, beside what is printed for good: a night without a word looks like a hang.
    private mutating func showProgress(_ runs: [CrashRun]) {
        guard Clock.wall - lastProgress >= 60 else { return }
        lastProgress = Clock.wall
        var tally = finished
        for run in runs { tally += run.explorer.tally }
        FileHandle.standardError.write(Data((sentence("so far", tally) + "\n").utf8))
    }

    private func report(_ what: String) {
        defer { fflush(nil) }
        print(sentence(what, finished))
        if what == "total" {
            print(
                "RESULT \(finished.all) \(finished.nested) \(finished.deep) \(finished.capped) \(sequences) "
                    + "\(randoms) \(Int(Clock.processor)) \(failures.count) \(finished.damaged.all) "
                    + "\(finished.damaged.reported) \(reached)")
        }
    }

    private func sentence(_ what: String, _ tally: CrashTally) -> String {
        "worker \(command.worker), \(what): \(sequences) sequences, \(randoms) random workloads, \(tally); "
            + "\(Int(Double(tally.all) / Clock.processor)) states a second of processor time, "
            + "\(Int(Clock.wall - begun)) s, \(failures.count) failures"
    }
}
