package import PmemStore

/// Runs scenarios under many schedules, each crashed at every event: first every one with few preemptions, then random
/// ones.
package final class ScheduleSearch {
    package let scenario: ThreadScenario
    package private(set) var schedules = 0
    private let model: MediumModel
    private let run: CrashRun

    package init(_ scenario: ThreadScenario, plan: CrashPlan, model: MediumModel = .lines) throws {
        self.scenario = scenario
        self.model = model
        let base = CrashWorkload.threads(scenario: scenario.name, plan: .preemptions([]), model: model)
        run = try base.makeRun(plan: plan, depth: plan.nesting > 0 ? 2 : 1)
    }

    package var tally: CrashTally { run.explorer.tally }

    private func workload(_ plan: SchedulePlan) -> CrashWorkload {
        .threads(scenario: scenario.name, plan: plan, model: model)
    }

    /// Every schedule with at most so many preemptions, those of one number before those of the next.
    ///
    /// - Parameter goesOn: asked before each schedule that has any.
    /// - Returns: what was found; empty also where it was told to end.
    package func exhaust(bound: Int, goesOn: () -> Bool) throws -> [CrashFailure] {
        var frontier: [[SchedulePlan.Preemption]] = [[]]
        for _ in 0...bound {
            var next: [[SchedulePlan.Preemption]] = []
            for preemptions in frontier {
                if !preemptions.isEmpty, !goesOn() { return [] }
                let first = preemptions.last?.moment ?? 0
                let (choices, failures) = try explore(.preemptions(preemptions), crashedFrom: first)
                if !failures.isEmpty { return failures }
                for moment in choices.indices where preemptions.isEmpty || moment > first {
                    for thread in choices[moment].able where thread != choices[moment].running {
                        next.append(preemptions + [.init(moment: moment, thread: thread)])
                    }
                }
            }
            frontier = next
        }
        return []
    }

    /// A schedule of random priorities with a few changes.
    package func sample(seed: UInt64) throws -> [CrashFailure] {
        let plan = SchedulePlan.priorities(seed: seed, changes: Int(seed % 4), length: max(moments, 1))
        return try explore(plan, crashedFrom: 0).failures
    }

    /// Of the longest schedule so far.
    private var moments = 0

    private func explore(
        _ plan: SchedulePlan, crashedFrom first: Int
    ) throws -> (choices: [ThreadSchedule.Choice], failures: [CrashFailure]) {
        schedules += 1
        try run.restart(seed: 1, context: workload(plan).name)
        let choices = try ThreadRun(run, scenario, plan).run(crashedFrom: first)
        moments = max(moments, choices.count)
        return (choices, run.failures)
    }
}
