import Testing

@testable internal import PmemStore
@testable internal import PmemStoreTesting

/// Power cuts at every event of random and hand-made workloads: what is recovered is exactly the acknowledged commits,
/// or those and the one under way; whole, without a leak, and of use. `make crash-test` runs the same by the million.
@Suite("Simulator: crashes")
struct CrashTests {
    private static var plan: CrashPlan {
        var plan = CrashPlan()
        plan.nesting = 60
        plan.deepNesting = 0
        plan.lives = 2000
        plan.kills = 60
        return plan
    }

    @Test("Any crash of every shape of a step, by every model", arguments: MediumModel.allCases)
    func shapes(model: MediumModel) throws {
        let run = try CrashRun(start: OperationShapes.start(1), plan: .flat, model: model, context: "shapes")
        // Large values take long in a build for debugging.
        for shape in OperationShapes.names.indices where ![2, 3, 9, 11].contains(shape) {
            try run.restart(seed: 1, context: "\(OperationShapes.names[shape]), \(model)")
            try run.run(OperationShapes.step(shape, position: 0))
            #expect(run.failures.isEmpty, "\(run.failures)")
        }
        #expect(run.explorer.tally.capped == 0)
        print("shapes, \(model): \(run.explorer.tally)")
    }

    @Test("Any crash around the end of the log's ring, with pads and spilled operations")
    func logWraps() throws {
        var plan = Self.plan
        plan.use = 40
        for seed in TestPlan.seeds([5]) {
            let run = try CrashRun(seed: seed, plan: plan, context: "wraps \(seed)")
            var generator = WorkloadGenerator(seed: seed)
            for lap in 1...1 {
                try run.fillLog(leaving: 200, &generator)
                let before = run.store.log.tail
                try run.run(generator.filler(entryBytes: 400))
                let log = run.store.log
                #expect(
                    log.tail / log.capacity > before / log.capacity, "lap \(lap) has an entry behind a pad")
                try run.run(.checkpoint)
            }
            #expect(run.failures.isEmpty, "\(run.failures)")
            print("log wraps, seed \(seed): \(run.explorer.tally)")
        }
    }

    @Test("Any crash of a store that runs full, so that checkpoints come in the middle of transactions")
    func fullStore() throws {
        for seed in TestPlan.seeds([7]) {
            var plan = CrashPlan.flat
            plan.use = 40
            let run = try CrashRun(seed: seed, plan: plan, chunks: 8, context: "full \(seed)")
            var generator = WorkloadGenerator(seed: seed)
            try run.quietly { for _ in 0..<20 { try run.run(generator.step()) } }
            for _ in 0..<4 { try run.run(generator.step()) }
            #expect(run.failures.isEmpty, "\(run.failures)")
            #expect(run.explorer.tally.refused > 0, "the store has been full")
            print("full store, seed \(seed): \(run.explorer.tally)")
        }
    }

    /// The entry of a transaction that was cut off lies in the ring when its place, number and slots are used again.
    @Test("A torn entry never comes back, with and without a pad before it", arguments: [true, false])
    func staleEntry(withPad: Bool) throws {
        var plan = CrashPlan.flat
        plan.lives = withPad ? 100 : 10
        let run = try CrashRun(
            start: OperationShapes.start(1), plan: plan, context: "stale", leavingInRing: withPad ? 64 : 2048)
        try run.run(.commit((0..<3).map { .put([1, UInt8($0)], key: OperationShapes.key($0), table: 1) }))
        #expect(run.failures.isEmpty, "\(run.failures)")
        #expect(run.explorer.tally.nested > 100)
        print("stale entry, pad \(withPad): \(run.explorer.tally)")
    }

    @Test("No part of a small checksummed range but the whole is valid")
    func properParts() throws {
        // One put: a record of six words and an entry of six, every subset of both.
        let run = try CrashRun(plan: .flat)
        try run.run(.commit([.put([1, 2, 3], key: Array("key".utf8), table: 1)]))
        #expect(run.failures.isEmpty, "\(run.failures)")
        for count in 1...PowerCut.exhaustiveLimit {
            let parts = Set(
                (0..<PowerCut.arity(count)).map { choice in
                    (0..<count).map { PowerCut.isPresent($0, of: count, choice, seed: 1) }
                })
            #expect(parts.count == 1 << count)
        }
        for count in (PowerCut.exhaustiveLimit + 1)...200 {
            for choice in 1..<PowerCut.arity(count) {
                let isWhole = (0..<count).allSatisfy { PowerCut.isPresent($0, of: count, choice, seed: 9) }
                #expect(!isWhole)
            }
        }
    }
}
