import Testing

@testable internal import PmemStore
@testable internal import PmemStoreTesting

/// Entries of the log that are seldom: each is crashed everywhere, and replayed whole.
@Suite("Simulator: replay of seldom entries")
struct ReplayTests {
    private static func key(_ number: Int) -> [UInt8] { Array("key \(number)".utf8) }

    private static func puts(_ range: Range<Int>) -> ModelStep {
        .commit(range.map { .put([UInt8($0 & 0xff), 1], key: key($0), table: 1) })
    }

    /// Runs the steps, crashed at every event; then the process is killed and the log replayed.
    private static func run(_ steps: [ModelStep]) throws {
        let run = try CrashRun(seed: 5, context: "seldom", depth: 1)
        try run.quietly { try run.run([puts(0..<20), .checkpoint]) }
        try run.run(steps + [.kill])
        #expect(run.failures.isEmpty, "\(run.failures)")
        #expect(run.explorer.tally.states > 20)
        let expected = run.explorer.model.expected(at: run.store.commit)
        #expect(CrashImage(run.memory, layout: run.layout).check(run.store, expected) == nil)
    }

    @Test("A range whose upper bound is as long as a large value")
    func longBound() throws {
        let high = [UInt8](repeating: 0x6b, count: 40_000)
        try Self.run([
            .commit([.deleteRange(low: Self.key(3), high: high, table: 1), .put([1], key: high, table: 1)])
        ])
    }

    @Test("Operations that do not fit the ring, torn or whole")
    func spilled() throws { try Self.run([Self.puts(10..<210)]) }

    @Test("A large value in the last entry, which nobody has fenced")
    func largeValue() throws {
        try Self.run([.commit([.put([UInt8](repeating: 7, count: 40_000), key: Self.key(1), table: 2)])])
    }
}
