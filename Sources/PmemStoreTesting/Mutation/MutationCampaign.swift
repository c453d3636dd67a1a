package import PmemStore

/// Makes every call through the door go wrong, one site and one way at a time, and asks whether anything notices.
///
/// The engine runs unchanged; the simulated medium does something else than it was told. A mutant is killed by the
/// first finding of the door's own audit, of the explorer, or of the budget of stores, flushes and drains.
package final class MutationCampaign {
    /// A call through the door, as the scenarios make it.
    package struct Site: Hashable, Sendable {
        package let kind: SimulatedEvent.Kind
        package let role: SimulatedEvent.Role
        package let line: UInt32
    }

    package struct Outcome: Sendable {
        package let mutation: MediumMutation
        /// What killed it; nil: it survived.
        package let killer: CrashFailure.Rung?
        package let detail: String
        /// How often the mutation changed anything.
        package let strikes: Int
        package let nanoseconds: UInt64
    }

    private var runs: [(name: String, run: CrashRun, steps: [ModelStep])] = []
    private var budgets: [SimulatedMemory.EventCounts] = []
    package private(set) var sites: [Site] = []

    package init(plan: CrashPlan = MutationCampaign.plan) throws {
        for scenario in Self.scenarios {
            let run = try CrashRun(
                start: OperationShapes.start(scenario.start), plan: plan, context: scenario.name,
                leavingInRing: scenario.start == 4 ? 100 : nil)
            runs.append(
                (
                    scenario.name, run,
                    scenario.shapes.enumerated().map { place, shape in
                        OperationShapes.step(shape, position: place)
                    }
                ))
        }
        try measure()
    }

    package static var plan: CrashPlan {
        var plan = CrashPlan()
        plan.use = 8
        plan.deepNesting = 0
        plan.lives = 400
        plan.kills = 6
        return plan
    }

    /// Together they pass every site of the door.
    private static let scenarios: [(name: String, start: Int, shapes: [Int])] = [
        ("small", 1, [1, 18, 5, 18]),
        ("tables", 5, [15, 18, 7, 19]),
        ("ring", 4, [0, 3, 18]),
        ("levels", 3, [8, 18, 2]),
        ("large", 1, [9, 19, 11, 18]),
        ("kill", 2, [4, 19, 12, 19, 0, 18]),
    ]

    /// The unmutated run: which sites there are, and what each scenario costs.
    private func measure() throws {
        var found: Set<Site> = []
        for (name, run, steps) in runs {
            let observer = run.memory.onEvent
            try run.restart(seed: 1, context: name)
            let before = run.memory.counts
            run.memory.onEvent = { event in
                if event.kind == .copyIn || event.kind == .flush || event.kind == .drain {
                    found.insert(Site(kind: event.kind, role: event.role, line: event.site))
                }
            }
            try run.quietly { try run.run(steps) }
            budgets.append(run.memory.counts - before)
            run.memory.onEvent = observer
        }
        sites = found.sorted {
            ($0.kind.rawValue, $0.role.rawValue, $0.line) < ($1.kind.rawValue, $1.role.rawValue, $1.line)
        }
    }

    /// Every operator at every site, each time and every third time.
    package var mutants: [MediumMutation] {
        sites.flatMap { site in
            MediumMutation.Operator.allCases.filter { $0.applies(to: site.kind) }.flatMap { kind in
                [1, 3].map {
                    MediumMutation(
                        kind: site.kind, role: site.role, site: site.line, operator: kind, period: $0)
                }
            }
        }
    }

    /// Runs the scenarios with a mutant until something notices.
    package func outcome(_ mutation: MediumMutation?, seed: UInt64 = 1, clock: () -> UInt64 = { 0 })
        -> Outcome
    {
        let begun = clock()
        let mutant =
            mutation ?? MediumMutation(kind: .copyIn, role: .writer, site: 0, operator: .dropStore, period: 1)
        var strikes = 0
        for (index, (name, run, steps)) in runs.enumerated() {
            var failure: CrashFailure?
            let struckBefore = run.explorer.strikes
            do {
                try run.restart(seed: seed, context: "\(name) with \(mutant)")
                let before = run.memory.counts
                run.explorer.mutate(mutation)
                try run.run(steps)
                let spent = run.memory.counts - before
                if spent != budgets[index] {
                    run.explorer.report(.cost, "\(spent) instead of \(budgets[index])")
                }
            } catch {
                failure = CrashFailure(rung: .live, text: "\(error)", token: "")
            }
            run.explorer.mutate(nil)
            strikes += run.explorer.strikes - struckBefore
            if let failure = run.failures.first ?? failure {
                return Outcome(
                    mutation: mutant, killer: failure.rung, detail: failure.text, strikes: strikes,
                    nanoseconds: clock() - begun)
            }
        }
        return Outcome(
            mutation: mutant, killer: nil, detail: "", strikes: strikes, nanoseconds: clock() - begun)
    }
}

extension SimulatedMemory.EventCounts {
    static func - (left: Self, right: Self) -> Self {
        var difference = left
        difference.stores -= right.stores
        difference.storedLines -= right.storedLines
        difference.flushes -= right.flushes
        difference.flushedLines -= right.flushedLines
        difference.drains -= right.drains
        return difference
    }
}
