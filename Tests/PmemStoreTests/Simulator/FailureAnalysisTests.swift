import Testing

@testable internal import PmemStore
@testable internal import PmemStoreTesting

/// With a fault of the medium on: the token that a failure prints repeats it, however deep it lies, and the sites that
/// its analysis names are where the fault is.
@Suite("Simulator: tokens, shrinking, sites")
struct FailureAnalysisTests {
    /// What the explorer finds with the fault, the door's audit aside.
    private static func failures(
        _ mutation: MediumMutation, _ workload: CrashWorkload, kills: Int = 0, nesting: Int = 0,
        limit: Int = 1
    ) throws -> [CrashFailure] {
        var plan = CrashPlan.flat
        (plan.use, plan.kills, plan.nesting, plan.deepNesting) = (0, kills, nesting, nesting)
        plan.failureLimit = limit
        let run = try workload.makeRun(plan: plan, depth: 3)
        run.explorer.mutate(mutation, isAudited: false)
        // What a broken medium makes of the run itself does not matter here.
        try? workload.run(on: run)
        return run.failures.filter { !$0.token.isEmpty }
    }

    private static func mutation(
        _ effect: MediumMutation.Operator, _ kind: SimulatedEvent.Kind, _ role: SimulatedEvent.Role
    ) -> MediumMutation {
        MediumMutation(
            kind: kind, role: role, site: nil, operator: effect, period: 1)
    }

    private static func analysis(
        _ mutation: MediumMutation, _ name: String, kills: Int = 0
    ) throws -> FailureAnalysis {
        let workload = try #require(CrashWorkload(name: name))
        let failure = try #require(try failures(mutation, workload, kills: kills).first)
        let token = try #require(ReplayToken(failure.token))
        #expect(token.description == failure.token)
        let analyst = try FailureAnalyst(
            token.workload, depth: token.depth, mutation: mutation, isAudited: false)
        let analysis = try #require(try analyst.analyse(token.path))
        // The shrunken token fails with the fault, and only with it.
        let shrunk = try #require(ReplayToken(analysis.token))
        let again = try FailureAnalyst(
            shrunk.workload, depth: shrunk.depth, mutation: mutation, isAudited: false)
        #expect(try again.replay(shrunk.path)?.token == analysis.token)
        #expect(try FailureAnalyst(shrunk.workload, depth: shrunk.depth).replay(shrunk.path) == nil)
        print(analysis)
        return analysis
    }

    @Test("A commit without its fence: a store, the fence, the acknowledgement")
    func commitFence() throws {
        let analysis = try Self.analysis(Self.mutation(.dropDrain, .drain, .writer), "seq/1/1/lines")
        let missing = try #require(analysis.missing.first)
        #expect(analysis.missing.count == 1 && missing.store?.role == .writer)
        #expect(missing.successor?.place == "the acknowledgement of commit 2")
        #expect(missing.guards.contains { $0.place.contains("fence at Transactions/Commit.swift:") })
    }

    @Test("A checkpoint without its fences: what it wrote, the fence, the superblock or the promise")
    func checkpointFence() throws {
        let analysis = try Self.analysis(Self.mutation(.dropDrain, .drain, .checkpointer), "seq/1/18/lines")
        let missing = try #require(analysis.missing.first)
        #expect(analysis.missing.count == 1 && missing.store?.role == .checkpointer)
        #expect(missing.guards.contains { $0.place.contains("fence at Transactions/Checkpoint.swift:") })
        #expect(missing.successor != nil)
    }

    @Test("A store that is dropped was never on its way")
    func droppedStore() throws {
        let analysis = try Self.analysis(Self.mutation(.dropStore, .copyIn, .writer), "seq/1/1/lines")
        #expect(analysis.missing.isEmpty)
        #expect(analysis.lost.contains { $0.contains("Log/CommitLog.swift:") }, "\(analysis)")
    }

    @Test("Recovery without its flushes, found by a cut after a kill: a store before the kill, the flush")
    func recoveryFlush() throws {
        let analysis = try Self.analysis(
            Self.mutation(.dropFlush, .flush, .writer), "seq/1/1/lines", kills: 1)
        #expect(analysis.token.contains(":kill:"))
        let missing = try #require(analysis.missing.first)
        #expect(missing.store == nil && missing.place.hasSuffix("before the kill"))
        #expect(missing.guards.contains { $0.place.contains("flush at Recovery/") }, "\(analysis)")
    }

    @Test("Tokens of nested failures repeat them", arguments: [0, 1])
    func nestedTokens(kills: Int) throws {
        let mutation = Self.mutation(.dropDrain, .drain, .writer)
        let workload = try #require(CrashWorkload(name: "seq/1/0/lines"))
        let found = try Self.failures(mutation, workload, kills: kills, limit: 3)
        #expect(!found.isEmpty)
        for failure in found {
            let token = try #require(ReplayToken(failure.token))
            let analyst = try FailureAnalyst(
                workload, depth: token.depth, mutation: mutation, isAudited: false)
            #expect(try analyst.replay(token.path)?.token == failure.token, "\(failure)")
        }
    }

    @Test("A path of three levels runs one state of the third")
    func depths() throws {
        let path = [
            CrashStep(event: 8, decisions: [], turn: .kill),
            CrashStep(event: 6, decisions: [], turn: .nest(restArrives: false)),
            CrashStep(event: 2, decisions: []),
        ]
        let token = ReplayToken(workload: .sequence(start: 1, shapes: [1], model: .lines), path: path)
        #expect(ReplayToken(token.description)?.path == path)
        let analyst = try FailureAnalyst(token.workload, depth: token.depth)
        #expect(try analyst.replay(path) == nil)
        // The moment behind a recovery has the number of the event that follows: one state of each level, or two.
        let (nested, deep) = (analyst.tally.nested, analyst.tally.deep)
        #expect(analyst.tally.states == 0 && nested == 2 * deep && (1...2).contains(deep), "\(analyst.tally)")
    }

    @Test("Damage may lead back to the empty store before all commits: an earlier one, whole")
    func lostFirstSuperblock() throws {
        // Found by a night that ran all sequences of three steps.
        let token = try #require(ReplayToken("pms1:seq/1/19.14.2/lines:38:18:lost-4160-0"))
        let analyst = try FailureAnalyst(token.workload, depth: token.depth)
        #expect(try analyst.replay(token.path) == nil)
        let faults = analyst.tally.faults.values
        #expect(faults.map(\.superblocksLost).reduce(0, +) == 1, "\(faults)")
    }

    @Test("A random workload is left with the steps that its failure needs")
    func shrunkenSteps() throws {
        let analysis = try Self.analysis(Self.mutation(.dropDrain, .drain, .writer), "rnd/3/6/lines")
        let token = try #require(ReplayToken(analysis.token))
        guard case .random(_, _, _, let kept) = token.workload else { Issue.record("\(token)"); return }
        #expect(try #require(kept).count < 3)
    }
}
