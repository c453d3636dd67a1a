import Testing

@testable internal import PmemStore

/// Power cuts at every event of random and hand-made workloads: what is recovered is exactly the acknowledged commits,
/// or those and the one under way; whole, without a leak, and of use.
@Suite("Simulator: crashes")
struct CrashTests {
    @Test("Any crash of a random workload", arguments: TestPlan.seeds([1, 2, 3, 4]))
    func randomWorkload(seed: UInt64) throws {
        var plan = CrashExplorer.Plan()
        plan.nesting = 60
        plan.kills = 40
        let run = try CrashRun(seed: seed, plan: plan)
        var generator = WorkloadGenerator(seed: seed)
        for _ in 0..<25 { try run.run(generator.step()) }
        #expect(run.failures.isEmpty)
        print("random workload, seed \(seed): \(run.explorer.tally)")
    }
}
