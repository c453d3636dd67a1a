internal import ArgumentParser
internal import Glibc
internal import PmemStore
internal import PmemStoreTesting

/// Crashes under schedules of several threads. One worker of several.
struct ThreadsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "threads",
        abstract:
            "Runs writers, readers and checkpoints in every order with few preemptions, crashed everywhere.")

    @Option(help: "Number of this worker, from 0.") var worker = 0
    @Option(help: "Workers that share the scenarios.") var workers = 1
    @Option(help: "Wall-clock seconds after which no schedule begins. One preemption is always exhausted.")
    var seconds = 30.0
    @Option(help: "Most preemptions of which all schedules are run, as far as the time goes.") var bound = 2
    @Option(help: "First seed of random schedules, which take half the time.") var seed: UInt64 = 1

    func validate() throws {
        try checkShare(worker: worker, workers: workers)
        guard bound <= 8 else { throw ValidationError("--bound must be at most 8, not \(bound)") }
        guard seed <= 1 << 62 else { throw ValidationError("--seed must be at most \(1 << 62)") }
    }

    func run() throws {
        prepareProcess()
        let begun = Clock.wall
        var (schedules, failures) = (0, [CrashFailure]())
        var tally = CrashTally()
        let scenarios = ThreadScenario.all.enumerated().filter { $0.offset % workers == worker }.map(
            \.element)
        for (index, scenario) in scenarios.enumerated() {
            var plan = CrashPlan.flat
            plan.use = 64
            let search = try ScheduleSearch(scenario, plan: plan)
            failures += try search.exhaust(bound: 1) { true }
            let single = search.schedules
            let end = begun + seconds * Double(index + 1) / Double(scenarios.count)
            let half = Clock.wall + (end - Clock.wall) / 2
            var isWhole = true
            if bound > 1, failures.isEmpty {
                failures += try search.exhaust(bound: bound) {
                    isWhole = Clock.wall < half
                    return isWhole
                }
            }
            var number = seed
            while Clock.wall < end, failures.isEmpty {
                failures += try search.sample(seed: number)
                number += 1
            }
            print(
                "threads, \(scenario.name): \(single) schedules of up to one preemption, "
                    + "\(search.schedules) in all (\(isWhole ? "all" : "not all") of up to \(bound)); "
                    + "\(search.tally)")
            fflush(nil)
            schedules += search.schedules
            tally += search.tally
        }
        for failure in failures { print("FAILURE \(failure)") }
        print("THREADS \(schedules) \(tally.all) \(failures.count)")
        if !failures.isEmpty { throw ExitCode.failure }
    }
}
