import Testing

@testable internal import PmemStore

/// Torn entries that lie in the ring when their places, numbers and slots are used again.
@Suite("Simulator: stale log entries")
struct StaleLogTests {
    private static func transaction(_ fill: UInt8) -> [ModelOperation] {
        (0..<3).map { .put([fill, UInt8($0)], key: Array("key \($0)".utf8), table: 1) }
    }

    /// All subsets of the copies of a first transaction survive a power cut; the store is recovered; a second one takes
    /// the same number and the same slots and is cut off in all ways as well.
    @Test("A torn entry never comes back, with and without a pad before it", arguments: [true, false])
    func tornEntry(withPad: Bool) throws {
        let run = try CrashRun(seed: 3, context: "stale")
        var generator = WorkloadGenerator(seed: 3)
        run.explorer.isQuiet = true
        try run.run(.commit([.put([0], key: [0], table: 1)]))
        try run.fillLog(leaving: withPad ? 64 : 4096, &generator)
        try run.run(.checkpoint)
        let chain = Chain(run)
        let observer = run.memory.onEvent
        run.memory.onEvent = { event in
            observer?(event)
            if event.kind == .drain, event.role == .writer { chain.crashFirst() }
        }
        try run.run(.commit(Self.transaction(1)))
        #expect(chain.failures.isEmpty)
        #expect(chain.images > 500)
        print("stale log, pad \(withPad): \(chain.images) images")
    }

    private final class Chain {
        let run: CrashRun
        let first: SimulatedMemory
        let second: SimulatedMemory
        let model: CrashModel
        let number: UInt64
        var failures: [String] = []
        var images = 0

        init(_ run: CrashRun) {
            self.run = run
            first = run.memory.makeChild(isTracking: true)
            second = first.makeChild(isTracking: false)
            number = run.store.commit
            model = run.explorer.allowed[number] ?? CrashModel()
        }

        /// Whole copies in all combinations, and the newest copy, the entry, without each single word.
        private func images(of pending: [PendingUnit]) -> [CrashSelection] {
            let entry = pending.last?.event
            let words = pending.indices.filter { pending[$0].event == entry }
            return CrashSelection.eventSubsets(of: pending) + words.map { .without(unit: $0) }
                + words.map { .only(unit: $0) }
        }

        func crashFirst() {
            for selection in images(of: run.memory.pending) where failures.isEmpty {
                first.loadPowerCut(selection)
                do {
                    try reuse("first \(selection)")
                } catch {
                    failures.append("first \(selection): \(error)")
                }
            }
        }

        private func reuse(_ context: String) throws {
            let store = try SimulatedStore(first, layout: run.layout)
            let base = store.commit
            var start = model
            if base == number + 1 {
                for operation in StaleLogTests.transaction(1) { operation.apply(to: &start) }
            }
            var next = start
            for operation in StaleLogTests.transaction(2) { operation.apply(to: &next) }
            let allowed = [base: start, base + 1: next]
            first.onEvent = { [unowned self] event in
                if event.kind == .drain, event.role == .writer { crashSecond(allowed, context) }
            }
            defer { first.onEvent = nil }
            try store.commit(StaleLogTests.transaction(2))
        }

        private func crashSecond(_ allowed: [UInt64: CrashModel], _ context: String) {
            for selection in images(of: first.pending) where failures.isEmpty {
                images += 1
                second.loadPowerCut(selection)
                let oracle = StoreOracle(layout: run.layout)
                let result = oracle.failure(in: second, allowed: allowed, isThorough: false)
                if let failure = result.failure {
                    failures.append("\(context), second \(selection): \(failure)")
                }
            }
        }
    }
}
