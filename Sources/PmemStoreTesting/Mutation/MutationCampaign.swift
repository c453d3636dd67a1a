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
        package let source: SourceSite
        /// Where on the medium it went first; of a drain, nowhere.
        package let region: SimulatedLayout.Region?

        package static func == (left: Self, right: Self) -> Bool {
            (left.kind, left.role, left.source) == (right.kind, right.role, right.source)
        }

        package func hash(into hasher: inout Hasher) { hasher.combine(source) }
    }

    package struct Outcome: Sendable {
        /// One, or the two of a pair.
        package let mutations: [MediumMutation]
        /// What killed it; nil: it survived.
        package let killer: CrashFailure.Rung?
        package let detail: String
        /// How often each has changed anything.
        package let strikes: [Int]
        package let nanoseconds: UInt64
        /// Why it is no mutant at all.
        package internal(set) var proof: EquivalentMutant?

        package enum Result: String, Sendable {
            case killed, equivalent, survived, neverStruck, wronglyProved
        }

        package var result: Result {
            if proof != nil { return killer == nil && isIdle ? .equivalent : .wronglyProved }
            if killer != nil { return .killed }
            return isIdle ? .neverStruck : .survived
        }

        private var isIdle: Bool { strikes.allSatisfy { $0 == 0 } }
    }

    private var runs: [(scenario: MutationScenario, run: CrashRun)] = []
    private var budgets: [SimulatedMemory.EventCounts] = []
    private var nestedBudgets: [SimulatedMemory.EventCounts] = []
    package private(set) var sites: [Site] = []
    /// The sites that each scenario passes.
    private var passed: [Set<Site>] = []

    package init(scenarios: [MutationScenario] = MutationScenario.all) throws {
        for scenario in scenarios {
            runs.append((scenario, try scenario.makeRun()))
        }
        try measure()
    }

    /// The engine itself has failed in a scenario.
    package struct FalseAlarm: Error { package let failure: CrashFailure }

    /// The unmutated runs, without crashes and with them: which sites there are, and what each scenario costs.
    private func measure() throws {
        for (scenario, run) in runs {
            var found: Set<Site> = []
            run.explorer.observe { event in
                guard event.kind == .copyIn || event.kind == .flush || event.kind == .drain else { return }
                let region = event.kind == .drain ? nil : run.layout.region(event.offset)
                found.insert(Site(kind: event.kind, role: event.role, source: event.site, region: region))
            }
            try run.restart(seed: 1, context: scenario.name)
            let before = run.memory.counts
            try run.quietly { try scenario.run(on: run) }
            budgets.append(run.memory.counts - before)
            try run.restart(seed: 1, context: scenario.name)
            let nestedBefore = run.explorer.nestedCounts
            try scenario.run(on: run)
            if let failure = run.failures.first { throw FalseAlarm(failure: failure) }
            nestedBudgets.append(run.explorer.nestedCounts - nestedBefore)
            run.explorer.observe(nil)
            passed.append(found)
        }
        sites = passed.reduce(Set()) { $0.union($1) }.sorted {
            ($0.kind.rawValue, $0.role.rawValue, $0.source.number)
                < ($1.kind.rawValue, $1.role.rawValue, $1.source.number)
        }
    }

    /// Every operator at every site, each time and every third time.
    package var mutants: [MediumMutation] {
        sites.flatMap { site in
            MediumMutation.Operator.allCases.filter { $0.applies(to: site.kind) }.flatMap { kind in
                [1, 3].map {
                    MediumMutation(
                        kind: site.kind, role: site.role, site: site.source, operator: kind, period: $0)
                }
            }
        }
    }

    /// The mutants that change something, each with the site it is at: what pairs are made of.
    package var placed: [(mutation: MediumMutation, site: Site)] {
        mutants.compactMap { mutant in
            guard let site = sites.first(where: { mutant.isAt($0) }), proof([mutant]) == nil else {
                return nil
            }
            return (mutant, site)
        }
    }

    private func proof(_ mutations: [MediumMutation]) -> EquivalentMutant? {
        guard mutations.count == 1, let site = sites.first(where: { mutations[0].isAt($0) }) else {
            return nil
        }
        return EquivalentMutant.all.first { $0.isOf(site) && $0.operator == mutations[0].operator }
    }

    /// Runs the scenarios with a mutant, or several at once, until something notices: first without crashes, which is
    /// cheap, then with them, beginning with those in which a mutant has struck, or could.
    ///
    /// - Parameters:
    ///   - isAudited: false: the door's own audit is not asked, and the explorer is alone.
    ///   - isCounted: false: the budgets are not asked.
    package func outcome(
        _ mutations: [MediumMutation], isAudited: Bool = true, isCounted: Bool = true, seed: UInt64 = 1,
        clock: () -> UInt64 = { 0 }
    ) -> Outcome {
        let begun = clock()
        let concerned = sites.filter { site in mutations.contains { $0.isAt(site) } }
        let proof = proof(mutations)
        var (strikes, struck) = (mutations.map { _ in 0 }, [Int]())
        for isQuiet in [true, false] {
            let rest = runs.indices.filter { !struck.contains($0) }
            let passing = rest.filter { index in concerned.contains { passed[index].contains($0) } }
            for index in isQuiet ? rest : struck + passing + rest.filter({ !passing.contains($0) }) {
                let trial = trial(
                    index, mutations, isQuiet: isQuiet, isAudited: isAudited, isCounted: isCounted, seed: seed
                )
                strikes = zip(strikes, trial.strikes).map { $0 + $1 }
                if trial.strikes.contains(where: { $0 > 0 }), isQuiet { struck.append(index) }
                if let failure = trial.failure {
                    return Outcome(
                        mutations: mutations, killer: failure.rung, detail: failure.text, strikes: strikes,
                        nanoseconds: clock() - begun, proof: proof)
                }
            }
        }
        return Outcome(
            mutations: mutations, killer: nil, detail: "", strikes: strikes, nanoseconds: clock() - begun,
            proof: proof)
    }

    private func trial(
        _ index: Int, _ mutations: [MediumMutation], isQuiet: Bool, isAudited: Bool, isCounted: Bool,
        seed: UInt64
    ) -> (failure: CrashFailure?, strikes: [Int]) {
        let (scenario, run) = runs[index]
        var thrown: CrashFailure?
        do {
            try run.restart(seed: seed, context: "\(scenario.name)")
            let (before, nestedBefore) = (run.memory.counts, run.explorer.nestedCounts)
            run.explorer.mutate(mutations, isAudited: isAudited)
            if isQuiet {
                try run.quietly { try scenario.run(on: run) }
            } else {
                try scenario.run(on: run)
            }
            let spent = run.memory.counts - before
            if isCounted, spent != budgets[index] {
                run.explorer.report(.cost, "\(spent) instead of \(budgets[index])")
            }
            // Other operators change how much there is to explore, and that is not the engine's cost.
            let nested = run.explorer.nestedCounts - nestedBefore
            if isCounted, !isQuiet, mutations.allSatisfy(\.operator.isCost), nested != nestedBudgets[index] {
                run.explorer.report(.cost, "nested: \(nested) instead of \(nestedBudgets[index])")
            }
        } catch {
            thrown = CrashFailure(rung: .live, text: "\(error)", token: "")
        }
        let failure = run.failures.first ?? thrown
        let strikes = run.explorer.strikes
        run.explorer.mutate([])
        return (failure, strikes)
    }
}

extension SimulatedMemory.EventCounts {
    static func + (left: Self, right: Self) -> Self { left - (Self() - right) }

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
