internal import StoreWorkloads
import Testing

@testable internal import PmemStore

/// Real threads, judged by their histories. Small enough for ThreadSanitizer, in which this suite runs once more.
@Suite("Isolation: many threads")
struct IsolationConcurrentTests {
    @Test("Writers, readers and snapshots are strictly serialisable", arguments: TestPlan.seeds([1, 2]))
    func live(seed: UInt64) throws {
        let scratch = ScratchDirectory(.volatileMemory)
        let store = try Store.open(scratch.store, options: AppendWorkload.options)
        let workload = AppendWorkload(
            ledgerDirectory: scratch.path, process: 1, generation: 1, seed: seed)
        workload.run(store, writers: 3, readers: 3, transactions: 80)
        workload.recordFinalRead(store)
        try store.close()
        let history = try History(ledgers: scratch.path, generation: 1)
        #expect(history.transactions.count == 6 * 80 + 1)
        #expect(history.transactions.contains { $0.outcome == .aborted })
        #expect(IsolationChecker.check(history) == [], "seed \(seed)")
        #expect(SerialOrderChecker.check(history) == [], "seed \(seed)")
    }
}
