import PmemStoreTesting
import Testing

@testable import PmemStore

/// A store that grows, crashed at every call of growth and at everything that relies on it.
@Suite("Simulator: growth")
struct GrowthTests {
    private static func workload(
        _ scenario: GrowthScenario, _ model: MediumModel = .lines
    ) -> CrashWorkload {
        .growth(scenario: scenario.name, steps: scenario.steps.count, model: model)
    }

    /// What a run finds with a call left out, or with none.
    private static func failures(
        _ scenario: GrowthScenario, without call: SimulatedDirectory.Sync? = nil, isAudited: Bool = true
    ) throws -> [CrashFailure] {
        var plan = CrashPlan()
        plan.faults = 0
        plan.kills = 1
        let workload = workload(scenario)
        let run = try workload.makeRun(plan: plan, depth: 2)
        if let call {
            let role: SimulatedEvent.Role = call == .fill || call == .header ? .file : .directory
            run.explorer.mutate(
                MediumMutation(
                    kind: .drain, role: role, site: call.site, operator: .dropDrain, period: 1),
                isAudited: isAudited)
        }
        do {
            try workload.run(on: run)
        } catch {
            run.explorer.report(.live, "\(error)")
        }
        return run.failures
    }

    @Test("Every scenario grows, and no crash loses anything", arguments: MediumModel.allCases)
    func scenarios(model: MediumModel) throws {
        for scenario in GrowthScenario.all {
            var plan = CrashPlan()
            (plan.faults, plan.kills) = (0, 4)
            let workload = Self.workload(scenario, model)
            let run = try workload.makeRun(plan: plan, depth: 2)
            var calls: Set<SourceSite> = []
            run.explorer.observe { event in
                if event.kind == .drain, event.role == .directory { calls.insert(event.site) }
            }
            try workload.run(on: run)
            #expect(run.failures.isEmpty, "\(run.failures)")
            #expect(run.explorer.tally.capped == 0 && run.explorer.tally.nested > 0)
            // The quota's has grown in its start state.
            #expect(
                calls.contains(SimulatedDirectory.Sync.rename.site) == (scenario.name != "quota"),
                "\(scenario.name) does not grow")
            #expect(
                calls.contains(SimulatedDirectory.Sync.unlink.site) == (scenario.name == "shrink"),
                "\(scenario.name) does not shrink")
            #expect(run.store.chunkCount > scenario.chunks)
            #expect(scenario.name != "quota" || run.explorer.tally.refused == 1)
        }
    }

    @Test(
        "A sync that is left out is noticed, by crashes alone as well",
        arguments: [SimulatedDirectory.Sync.header, .rename, .opening])
    func syncs(call: SimulatedDirectory.Sync) throws {
        let scenario = try #require(GrowthScenario.all.first { $0.name == "kill" })
        #expect(try Self.failures(scenario).isEmpty)
        let found = try Self.failures(scenario, without: call, isAudited: false)
        #expect(!found.isEmpty, "\(call) is not missed")
        for failure in found {
            let token = try #require(ReplayToken(failure.token))
            #expect(token.description == failure.token)
        }
    }

    @Test("A token leads back to a crash of growth")
    func token() throws {
        let name = "grw/shrink/7/lines"
        #expect(CrashWorkload(name: name)?.name == name)
        for wrong in ["grw/shrink/0/lines", "grw/shrink/9/lines", "grw/none/1/lines", "grw/shrink/x/lines"] {
            #expect(CrashWorkload(name: wrong) == nil)
        }
    }
}
