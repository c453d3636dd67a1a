import Testing

@testable internal import PmemStore
@testable internal import PmemStoreTesting

/// Threads that run one at a time, in orders of the test's own, crashed at every event.
@Suite("Simulator: threads by schedule")
struct ThreadScheduleTests {
    private static var plan: CrashPlan {
        var plan = CrashPlan.flat
        plan.use = 0
        return plan
    }

    private static func workload(_ scenario: String, _ plan: String) throws -> CrashWorkload {
        try #require(CrashWorkload(name: "thr/\(scenario)/\(plan)/lines"))
    }

    @Test("One schedule gives one sequence of events; another one gives another")
    func deterministic() throws {
        var traces: [[String]] = []
        for schedule in ["p", "p", "p3.1", "p3.1", "r5.2.30", "r5.2.30"] {
            let workload = try Self.workload("checkpoint", schedule)
            #expect(workload.name == "thr/checkpoint/\(schedule)/lines")
            let run = try workload.makeRun(plan: Self.plan, depth: 1)
            var events: [String] = []
            run.explorer.observe { events.append("\($0)") }
            run.explorer.plan.futureLimit = 1
            try workload.run(on: run)
            #expect(run.failures.isEmpty, "\(run.failures)")
            traces.append(events)
        }
        #expect(traces[0] == traces[1] && traces[2] == traces[3] && traces[4] == traces[5])
        #expect(traces[0] != traces[2])
    }

    @Test(
        "Every scenario is sound without a preemption, crashed everywhere",
        arguments: ThreadScenario.all.map(\.name))
    func sound(scenario: String) throws {
        let workload = try Self.workload(scenario, "p")
        let run = try workload.makeRun(plan: Self.plan, depth: 1)
        // The replay of a full log takes long in a build for debugging.
        run.explorer.plan.futureLimit =
            ["fullLog": 20, "cut": 100][scenario] ?? run.explorer.plan.futureLimit
        try workload.run(on: run)
        #expect(run.failures.isEmpty, "\(run.failures)")
        #expect(run.explorer.tally.states > 100)
    }

    @Test("A fence left out is found under a schedule, and its token repeats it")
    func canary() throws {
        let mutation = MediumMutation(
            kind: .drain, role: .checkpointer, site: nil, operator: .dropDrain, period: 1)
        let workload = try Self.workload("checkpoint", "p3.1")
        let run = try workload.makeRun(plan: Self.plan, depth: 1)
        run.explorer.mutate(mutation, isAudited: false)
        try workload.run(on: run)
        let failure = try #require(run.failures.first)
        let token = try #require(ReplayToken(failure.token))
        let analyst = try FailureAnalyst(workload, depth: 1, mutation: mutation, isAudited: false)
        #expect(try analyst.replay(token.path)?.token == failure.token)
    }
}
