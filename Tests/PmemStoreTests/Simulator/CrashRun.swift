@testable internal import PmemStore

/// A store on simulated memory with an explorer that crashes it, from the empty store on.
final class CrashRun {
    let memory: SimulatedMemory
    let layout: SimulatedLayout
    let explorer: CrashExplorer
    private(set) var store: SimulatedStore
    /// Bytes of log behind the store's first open.
    private(set) var loggedBytes: UInt64 = 0

    init(seed: UInt64, plan: CrashExplorer.Plan = .init(), chunks: Int = 24, context: String = "") throws {
        layout = SimulatedLayout(chunks: chunks)
        memory = SimulatedMemory(byteCount: layout.byteCount)
        explorer = CrashExplorer(
            memory, layout: layout, plan: plan, seed: seed, context: "seed \(seed) \(context)")
        layout.format(memory)
        explorer.settle(0, CrashModel())
        store = try SimulatedStore(memory, layout: layout)
    }

    func run(_ step: ModelStep) throws {
        try explorer.run(step, on: store)
        if case .reopen = step { try recover() }
    }

    /// Opens the store again as it is, as after a kill of the process.
    func recover() throws { store = try SimulatedStore(memory, layout: layout) }

    func run(_ steps: [ModelStep]) throws { for step in steps { try run(step) } }

    /// Steps without crashes, to get somewhere.
    func quietly(_ body: () throws -> Void) rethrows {
        explorer.isQuiet = true
        defer { explorer.isQuiet = false }
        try body()
    }

    /// Position in the ring at which the next entry begins.
    var tailPlace: Int { Int(store.engine.writer.log.tail % store.engine.writer.log.capacity) }

    var logCapacity: Int { Int(store.engine.writer.log.capacity) }

    /// Fills the log, without crashes, until `left` bytes or less are left up to the ring's end.
    func fillLog(leaving left: Int, _ generator: inout WorkloadGenerator) throws {
        try quietly {
            repeat {
                let room = logCapacity - tailPlace - left
                if room < 64 { return }
                try run(generator.filler(entryBytes: min(room, 12_000)))
            } while tailPlace != 0
        }
    }

    /// Everything that was found wrong.
    var failures: [String] {
        memory.auditAll()
        return explorer.failures + memory.bypasses
    }
}
