import Testing

@testable internal import PmemStore
@testable internal import PmemStoreTesting

/// Damage on top of power cuts: what a medium does to a line that it has taken.
@Suite("Simulator: media faults")
struct MediaFaultTests {
    private static func plan(verifiesRecords: Bool = true) -> CrashPlan {
        var plan = CrashPlan.flat
        plan.use = 0
        plan.faults = 1
        plan.verifiesRecords = verifiesRecords
        plan.failureLimit = .max
        return plan
    }

    /// Keys that only their records tell apart, in the log and in a checkpoint; puts, deletes and ranges among them.
    private static func run(_ plan: CrashPlan, target: [CrashStep]? = nil) throws -> CrashRun {
        let keys = (0..<6).map { Array("the same \($0)".utf8) }
        func put(_ number: Int, _ count: Int) -> ModelOperation {
            .put([UInt8](repeating: UInt8(number), count: count), key: keys[number], table: 1)
        }
        let start: [ModelStep] = [
            .commit([put(0, 9), put(2, 200), put(4, 40_000)]), .checkpoint, .commit([put(1, 9)]),
        ]
        let run = try CrashRun(start: start, plan: plan, context: "faults", depth: 1)
        run.explorer.target = target
        try run.run([
            .commit([put(3, 20), .delete(keys[0], table: 1)]), .checkpoint,
            .commit([.deleteRange(low: keys[2], high: keys[4], table: 1), put(5, 1)]),
        ])
        return run
    }

    @Test("Damage is harmless, reported, or a torn tail by its very place")
    func strict() throws {
        let run = try Self.run(Self.plan())
        #expect(run.failures.isEmpty, "\(run.failures)")
        let tallies = run.explorer.tally.faults
        #expect(Set(tallies.keys) == Set(MediaFault.Kind.allCases))
        let sum = tallies.values.reduce(FaultTally(), +)
        #expect(sum.wrong == 0 && sum.right > 50 && sum.reported > 50 && sum.tailsLost > 0, "\(sum)")
        print("media faults: \(sum)")
    }

    @Test("The judge tells wrong answers, and its tokens repeat them")
    func judge() throws {
        // Without the option a flipped bit in a value is a wrong answer, and nobody promises otherwise.
        let run = try Self.run(Self.plan(verifiesRecords: false))
        let failures = run.failures
        #expect(failures.count > 3 && failures.allSatisfy { $0.rung == .fault })
        for failure in failures.prefix(3) {
            let parts = failure.token.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            let path = try #require(CrashStep.path(parts.dropFirst(2)))
            var plan = Self.plan(verifiesRecords: false)
            plan.faults = .max
            let again = try Self.run(plan, target: path).failures
            // A moment behind an acknowledgement has the number of the event that follows it.
            #expect(!again.isEmpty && again.allSatisfy { $0.token == failure.token }, "\(again)")
        }
    }
}
