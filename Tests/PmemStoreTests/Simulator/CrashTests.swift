import Testing

@testable internal import PmemStore

/// Power cuts at every event of random and hand-made workloads: what is recovered is exactly the acknowledged commits,
/// or those and the one under way; whole, without a leak, and of use.
@Suite("Simulator: crashes")
struct CrashTests {
    private static var nestedPlan: CrashExplorer.Plan {
        var plan = CrashExplorer.Plan()
        plan.nesting = 120
        plan.kills = 60
        return plan
    }

    @Test("Any crash of a random workload", arguments: TestPlan.seeds([1, 2, 3]))
    func randomWorkload(seed: UInt64) throws {
        let run = try CrashRun(seed: seed, plan: Self.nestedPlan, context: "randomWorkload")
        var generator = WorkloadGenerator(seed: seed)
        for _ in 0..<25 { try run.run(generator.step()) }
        #expect(run.failures.isEmpty)
        #expect(run.explorer.tally.nested > 0)
        print("random workload, seed \(seed): \(run.explorer.tally)")
    }

    @Test(
        "Any crash around the ends of the log's ring, with pads and spilled operations",
        arguments: TestPlan.seeds([5]))
    func logWraps(seed: UInt64) throws {
        var plan = Self.nestedPlan
        plan.sample = 1
        plan.nesting = 400
        plan.thoroughness = 12
        let run = try CrashRun(seed: seed, plan: plan, context: "logWraps")
        var generator = WorkloadGenerator(seed: seed)
        for lap in 1...3 {
            try run.fillLog(leaving: 200, &generator)
            let before = run.store.engine.writer.log.tail
            try run.run(generator.filler(entryBytes: 400))
            let log = (run.store.engine.writer.log.tail, run.store.engine.writer.log.capacity)
            #expect(log.0 / log.1 > before / log.1, "lap \(lap) has a pad and an entry behind it")
            for _ in 0..<3 { try run.run(generator.step()) }
            if lap == 2 { try run.run(generator.filler(entryBytes: 20_000)) }
        }
        #expect(run.failures.isEmpty)
        print("log wraps, seed \(seed): \(run.explorer.tally)")
    }

    @Test(
        "Any crash of a store that runs full, so that checkpoints come in the middle of transactions",
        arguments: TestPlan.seeds([7]))
    func fullStore(seed: UInt64) throws {
        var plan = CrashExplorer.Plan()
        plan.sample = 1
        plan.thoroughness = 10
        let run = try CrashRun(seed: seed, plan: plan, chunks: 8, context: "fullStore")
        var generator = WorkloadGenerator(seed: seed)
        for _ in 0..<25 { try run.run(generator.step()) }
        #expect(run.failures.isEmpty)
        #expect(run.explorer.tally.refused > 0, "the store has been full")
        print("full store, seed \(seed): \(run.explorer.tally)")
    }
}
