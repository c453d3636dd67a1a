internal import PmemStore

/// Writers, readers and checkpoints on threads of their own, over one store.
package struct ThreadScenario: Sendable {
    enum Step: Sendable {
        case commit([ModelOperation])
        case abort([ModelOperation])
        case checkpoint
        /// A segment is added where the store is low on space, as it is in the background.
        case grow
        /// Segments that hold nothing are given back.
        case shrink
        /// Reads a pinned commit pair by pair, and lets others run between two.
        case read
    }

    package let name: String
    /// Chunks of the first segment, and those that others may add.
    var chunks = 24
    var growth = 0
    let start: [ModelStep]
    /// What each thread does.
    let threads: [[Step]]
    /// What the directory is told without a preemption, so that a scenario does what it says.
    var calls: Set<SimulatedDirectory.Sync> = []

    private static func put(_ number: Int, _ fill: UInt8, _ count: Int = 40, table: UInt32 = 1)
        -> ModelOperation
    {
        .put([UInt8](repeating: fill, count: count), key: OperationShapes.key(number), table: table)
    }

    /// Commits that leave one line of the log.
    private static let fillingLog: [ModelStep] = [169, 169, 169, 166].enumerated().map { round, count in
        .commit((0..<count).map { put($0 % 4, UInt8(round), 1 + $0 % 5) })
    }

    package static let all = stayingSmall + growing

    private static let stayingSmall: [ThreadScenario] = [
        // A checkpoint beside commits: nodes that die while they are written, entries behind the cut.
        ThreadScenario(
            name: "checkpoint", start: OperationShapes.start(1),
            threads: [
                [
                    .commit([put(0, 2), put(7, 1)]),
                    .commit([.delete(OperationShapes.key(0), table: 1), put(8, 3)]),
                ],
                [.checkpoint, .checkpoint],
            ]),
        ThreadScenario(
            name: "writers", start: OperationShapes.start(2),
            threads: [
                [.commit([put(0, 4), put(100, 4)])],
                [
                    .commit([
                        put(0, 5),
                        .deleteRange(low: OperationShapes.key(3), high: OperationShapes.key(6), table: 1),
                    ])
                ],
                [.checkpoint],
            ]),
        // What a reader sees stays, although two checkpoints set its space free.
        ThreadScenario(
            name: "reader", start: [.commit((0..<4).map { put($0, 1) }), .checkpoint],
            threads: [
                [.read, .read],
                [.commit([put(0, 6), .delete(OperationShapes.key(1), table: 1)]), .commit([put(9, 7, 90)])],
                [.checkpoint, .checkpoint],
            ]),
        // A log that runs full, so that a writer lends the gate while a checkpoint is at work.
        ThreadScenario(
            name: "fullLog", start: fillingLog,
            threads: [
                [.commit([put(0, 8)]), .commit([put(1, 8)])], [.checkpoint],
                [.abort([put(3, 8)]), .commit([put(5, 8)])],
            ]),
        // One preemption leads from the middle of a checkpoint to commits: entries and records behind the cut, in what
        // the log and the dead before it have left.
        ThreadScenario(
            name: "cut", start: fillingLog,
            threads: [
                [.checkpoint, .checkpoint],
                [
                    .commit([put(1, 9), .delete(OperationShapes.key(2), table: 1)]),
                    .commit([put(6, 9), put(7, 9)]),
                ],
            ]),
        ThreadScenario(
            name: "large", start: OperationShapes.start(5),
            threads: [
                [
                    .commit([put(5, 1, 33_000, table: 2)]),
                    .commit([.delete(OperationShapes.key(5), table: 2)]),
                ],
                [.checkpoint, .checkpoint],
            ]),
    ]

    private typealias Growing = GrowthScenario

    /// Stores that have less space than they need: writers that wait for a segment or a checkpoint, growth ahead of
    /// need, and segments that go.
    private static let growing = [
        ThreadScenario(
            name: "growth", chunks: 6, growth: 12, start: Growing.full,
            threads: [
                [
                    .commit([Growing.put(0, 1), Growing.put(3, 0), Growing.put(4, 0)]),
                    .commit([Growing.put(4, 1), Growing.delete(0, 0)]),
                ],
                [.checkpoint, .checkpoint],
                [.grow],
            ], calls: [.rename]),
        ThreadScenario(
            name: "shrink", chunks: Growing.roomy, growth: 8,
            start: Growing.grown + [.commit(Growing.emptying), .checkpoint],
            threads: [
                [.shrink],
                [.commit([Growing.put(3, 2), Growing.put(4, 2), Growing.put(5, 2)])],
                [.read, .checkpoint],
            ], calls: [.unlink, .rename]),
    ]
}

/// One run of a scenario under a plan, crashed at the door's events.
final class ThreadRun {
    private let run: CrashRun
    private let scenario: ThreadScenario
    private let schedule: ThreadSchedule
    /// By commit: what readers must find.
    private var models: [UInt64: CrashModel] = [:]
    /// What the directory was told.
    private var calls: Set<SimulatedDirectory.Sync> = []
    private var error: (any Error)?

    init(_ run: CrashRun, _ scenario: ThreadScenario, _ plan: SchedulePlan) {
        self.run = run
        self.scenario = scenario
        schedule = ThreadSchedule(plan)
    }

    /// - Parameter first: Before this moment nothing is crashed: another plan with the same beginning did it.
    /// - Returns: for each moment the threads that could have run.
    func run(crashedFrom first: Int = 0) throws -> [ThreadSchedule.Choice] {
        let explore = run.memory.onEvent
        defer { run.memory.onEvent = explore }
        run.memory.onEvent = { [unowned self] event in
            explore?(event)
            note(event)
            ThreadSchedule.yield()
        }
        run.explorer.isQuiet = first > 0
        schedule.onMoment = { [unowned self] moment in
            if moment == first { run.explorer.isQuiet = false }
        }
        models[run.store.commit] = run.explorer.model
        schedule.run(scenario.threads.map { steps in { [self] in perform(steps) } })
        run.explorer.isQuiet = false
        if let error { throw error }
        if schedule.plan == .preemptions([]), calls != scenario.calls {
            run.explorer.report(.live, "the directory was told \(calls), not \(scenario.calls)")
        }
        // What died while a checkpoint was at work is in its books: the next one sets it free, or it is a leak.
        try run.quietly { try run.store.checkpoint() }
        if let difference = run.explorer.difference(run.store) { run.explorer.report(.live, difference) }
        return schedule.choices
    }

    private func note(_ event: SimulatedEvent) {
        guard event.kind == .drain, event.role == .directory else { return }
        if let call = SimulatedDirectory.Sync(rawValue: event.site.number) { calls.insert(call) }
    }

    private func perform(_ steps: [ThreadScenario.Step]) {
        do {
            for step in steps where error == nil {
                ThreadSchedule.yield()
                try perform(step)
            }
        } catch {
            self.error = self.error ?? error
        }
    }

    private func perform(_ step: ThreadScenario.Step) throws {
        switch step {
        case .commit(let operations): try commit(operations)
        case .abort(let operations): try run.store.abort(operations)
        case .checkpoint: try run.store.checkpoint()
        case .grow: try run.store.growIfDue()
        case .shrink: try run.store.shrink()
        case .read: try read()
        }
    }

    private func commit(_ operations: [ModelOperation]) throws {
        let (store, explorer) = (run.store, run.explorer)
        try store.transact {
            let (number, before) = (store.commit, explorer.model)
            var next = before
            for operation in operations { operation.apply(to: &next) }
            for operation in operations { try operation.run(on: store) }
            models[number + 1] = next
            explorer.expect(number + 1, next)
            let result = try store.commitTransaction()
            explorer.settle(result, result == number ? before : next)
        }
    }

    private func read() throws {
        let store = run.store
        let pin = try store.engine.readers.pin()
        defer { store.engine.readers.unpin(pin) }
        guard let model = models[pin.commit] else {
            return run.explorer.report(.live, "a reader sees commit \(pin.commit), which nobody made")
        }
        for (table, pairs) in model.tables.sorted(by: { $0.key < $1.key }) {
            let view = try store.view(table, pin)
            var cursor = TreeCursor(space: view.space, root: view.tree.reference)
            try cursor.seekFirst()
            for (key, value) in pairs {
                ThreadSchedule.yield()
                guard try cursor.isValid && isPair(cursor.reference, view, key, value) else {
                    return run.explorer.report(
                        .live, "a reader of commit \(pin.commit) finds another pair in table \(table)")
                }
                try cursor.next()
            }
            if cursor.isValid {
                run.explorer.report(.live, "a reader of commit \(pin.commit) finds a pair too many")
            }
        }
    }

    private func isPair(
        _ reference: UInt64, _ view: TableView<SimulatedMedium>, _ key: [UInt8], _ value: [UInt8]
    ) throws -> Bool {
        let pair = try unsafe view.pair(reference)
        return unsafe pair.key.elementsEqual(key) && pair.value.elementsEqual(value)
    }
}
