package import PmemStore

/// A store on simulated memory with an explorer that crashes it, from a start state on. Used for many runs.
package final class CrashRun {
    /// The start state, from which each run's memory is taken anew.
    private let origin: SimulatedMemory
    private let originModel: CrashModel
    private let originCommit: UInt64
    private let originHistory: CommitHistory
    package let memory: SimulatedMemory
    package let layout: SimulatedLayout
    package let explorer: CrashExplorer
    package private(set) var store: SimulatedStore

    /// - Parameter start: steps from an empty store to the start state, not crashed.
    package init(
        start: [ModelStep] = [], seed: UInt64 = 1, plan: CrashPlan = .flat, chunks: Int = 24,
        growth: Int = 0, model: MediumModel = .lines, context: String = "", depth: Int = 2,
        leavingInRing left: Int? = nil
    ) throws {
        layout = SimulatedLayout(chunks: chunks, growth: growth)
        origin = SimulatedMemory(byteCount: layout.byteCount, model: model)
        layout.format(origin)
        (originModel, originCommit, originHistory) = try Self.prepare(
            origin, layout, start, leavingInRing: left)
        memory = origin.makeChild(isTracking: true)
        memory.reset()
        explorer = CrashExplorer(
            memory, layout: layout, plan: plan, seed: seed, context: context, depth: depth)
        explorer.isQuiet = true
        explorer.restart(seed: seed, context: context, history: originHistory)
        explorer.settle(originCommit, originModel)
        store = try SimulatedStore(memory, layout: layout)
        explorer.isQuiet = false
    }

    private static func prepare(
        _ memory: SimulatedMemory, _ layout: SimulatedLayout, _ start: [ModelStep], leavingInRing left: Int?
    ) throws -> (CrashModel, UInt64, CommitHistory) {
        var model = CrashModel()
        var history = CommitHistory()
        memory.onEvent = { history.note($0, layout) }
        defer { memory.onEvent = nil }
        var store = try SimulatedStore(memory, layout: layout)
        // Damage may lead back to the empty store too.
        history.settle(store.commit, model)
        for step in start {
            switch step {
            case .commit(let operations):
                try store.commit(operations)
                for operation in operations { operation.apply(to: &model) }
                history.settle(store.commit, model)
            case .abort(let operations): try store.abort(operations)
            case .checkpoint: try store.checkpoint()
            case .reopen:
                try store.checkpoint(isClosing: true)
                store = try SimulatedStore(memory, layout: layout)
            case .kill: store = try SimulatedStore(memory, layout: layout)
            case .shrink(let segments):
                let found = try store.shrink()
                precondition(found == segments, "a start state that is not what it says")
            }
        }
        if let left { try fillRing(store, &model, leaving: left) { history.settle($0, $1) } }
        return (model, store.commit, history)
    }

    /// Commits until `left` bytes or less are left up to the ring's end, and saves.
    private static func fillRing(
        _ store: SimulatedStore, _ model: inout CrashModel, leaving left: Int,
        _ settle: (UInt64, CrashModel) -> Void
    ) throws {
        var fill: UInt8 = 0
        while true {
            let (tail, _, capacity) = store.log
            let room = Int(capacity - tail % capacity) - left
            if room < 64 { break }
            fill &+= 1
            let count = max(1, (min(room, 3000) - 24) / 24)
            let operations = (0..<count).map {
                ModelOperation.put([fill, UInt8($0 & 255)], key: Array("filler \($0 % 8)".utf8), table: 3)
            }
            try store.commit(operations)
            for operation in operations { operation.apply(to: &model) }
            settle(store.commit, model)
            try store.checkpoint()
        }
    }

    /// Back to the start state.
    package func restart(seed: UInt64, context: String) throws {
        memory.reset()
        explorer.restart(seed: seed, context: context, history: originHistory)
        explorer.settle(originCommit, originModel)
        try quietly { try recover() }
    }

    package func run(_ step: ModelStep) throws {
        try explorer.run(step, on: store)
        switch step {
        case .reopen, .kill: try recover()
        default: break
        }
    }

    package func run(_ steps: [ModelStep]) throws { for step in steps { try run(step) } }

    /// Opens the store again as it is, as after a kill of the process.
    package func recover() throws {
        store = try SimulatedStore(memory, layout: layout)
    }

    /// Steps without crashes, to get somewhere.
    package func quietly(_ body: () throws -> Void) rethrows {
        let before = explorer.isQuiet
        explorer.isQuiet = true
        defer { explorer.isQuiet = before }
        try body()
    }

    /// Position in the ring at which the next entry begins.
    package var tailPlace: Int { Int(store.log.tail % store.log.capacity) }

    package var logCapacity: Int { Int(store.log.capacity) }

    /// Fills the log, without crashes, until `left` bytes or less are left up to the ring's end.
    package func fillLog(leaving left: Int, _ generator: inout WorkloadGenerator) throws {
        try quietly {
            repeat {
                let room = logCapacity - tailPlace - left
                if room < 64 { return }
                try run(generator.filler(entryBytes: min(room, 3000)))
            } while tailPlace != 0
        }
    }

    /// Everything that was found wrong.
    package var failures: [CrashFailure] {
        memory.auditAll()
        for finding in memory.findings { explorer.report(.door, finding) }
        memory.clearFindings()
        return explorer.failures
    }
}
