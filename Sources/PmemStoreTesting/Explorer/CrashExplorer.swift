package import PmemStore

/// Crashes a running store at every event and after every promise, and recovers every future beside it.
///
/// The store lives on `memory`; recoveries run on a second memory that follows it. A third, with an explorer of its own,
/// takes crashes within recovery and within the life after it.
package final class CrashExplorer {
    package let memory: SimulatedMemory
    package let layout: SimulatedLayout
    package var plan: CrashPlan
    package internal(set) var tally = CrashTally()
    package private(set) var failures: [CrashFailure] = []
    /// The states that a crash now may leave.
    package internal(set) var allowed: [(state: ExpectedState, model: CrashModel)] = []
    /// Names the run in replay tokens and failures.
    package var context: String
    var acknowledged: UInt64 = 0
    let image: CrashImage
    let recoverer: CrashImage
    let inner: CrashExplorer?
    let trials: FaultTrials?
    var history = CommitHistory()
    let depth: Int
    /// The last run's calls, in a replay.
    package internal(set) var journal: EventJournal?
    /// Instead of the decisions of one level, in a replay: groups that do not arrive whole.
    var fates: (level: Int, groups: [Int: Int32])?
    /// What the failing future has decided, by level, and what was never on its way.
    var decided: [[DecidedGroup]] = []
    var lostLines: [Int] = []
    var random: SeededGenerator
    var seen: Set<RecoveryFingerprint> = []
    var distinct = 0
    /// Only the first of these steps is run, and then the others within it: a replay.
    package var target: [CrashStep]?
    /// What the failing future found on the medium and what it lacked, by site.
    package internal(set) var explanation: [String] = []
    /// The crash points that had more futures than the plan allows.
    var givenUp: [String] = []
    private var observer: ((SimulatedEvent) -> Void)?
    /// Futures of this run so far.
    var futureNumber = 0
    /// Set while steps only lead to where crashes are wanted.
    package var isQuiet = false

    /// - Parameter depth: 1: crashes; 2: crashes within their recovery as well; 3: and within that one's.
    package init(
        _ memory: SimulatedMemory, layout: SimulatedLayout, plan: CrashPlan, seed: UInt64, context: String,
        depth: Int = 2, level: Int = 1
    ) {
        self.memory = memory
        self.layout = layout
        self.plan = plan
        self.context = context
        self.depth = level
        random = SeededGenerator(seed: seed)
        image = CrashImage(memory.makeChild(isTracking: false), layout: layout)
        recoverer = CrashImage(memory, layout: layout)
        trials = plan.faults > 0 ? FaultTrials(memory, layout: layout, plan: plan, seed: seed) : nil
        memory.keepsOverwritten = plan.faults > 0
        inner =
            depth > 1
            ? CrashExplorer(
                memory.makeChild(isTracking: true), layout: layout, plan: Self.inner(plan),
                seed: seed ^ 0xdead,
                context: context, depth: depth - 1, level: level + 1) : nil
        memory.onEvent = { [unowned self] event in explore(event) }
        memory.onNote = { [unowned self] note in noted(note) }
    }

    private static func inner(_ plan: CrashPlan) -> CrashPlan {
        var inner = plan
        inner.nesting = plan.deepNesting
        inner.deepNesting = 0
        inner.lives = 0
        inner.kills = 0
        inner.killsAtDrains = false
        inner.faults = 0
        return inner
    }

    /// Makes the medium faulty, here and in nested crashes; what recovers an image is not.
    ///
    /// - Parameter isAudited: false: what the door's audit finds is not reported.
    package func mutate(_ mutations: [MediumMutation], isAudited: Bool = true) {
        memory.mutations = mutations
        memory.isAudited = isAudited
        inner?.mutate(mutations, isAudited: isAudited)
    }

    package func mutate(_ mutation: MediumMutation?, isAudited: Bool = true) {
        mutate(mutation.map { [$0] } ?? [], isAudited: isAudited)
    }

    /// Sees every call through the door, those of nested recoveries too.
    package func observe(_ observer: ((SimulatedEvent) -> Void)?) {
        self.observer = observer
        inner?.observe(observer)
    }

    /// Calls within nested recoveries and lives.
    package var nestedCounts: SimulatedMemory.EventCounts {
        guard let inner else { return SimulatedMemory.EventCounts() }
        return inner.memory.counts + inner.nestedCounts
    }

    /// How often each mutation has changed anything.
    package var strikes: [Int] {
        let here = memory.blows.map(\.strikes)
        return inner.map { zip(here, $0.strikes).map { $0 + $1 } } ?? here
    }

    /// A new run begins with what the memory holds.
    ///
    /// - Parameter history: The commits that have led there.
    package func restart(seed: UInt64, context: String, history: CommitHistory = CommitHistory()) {
        random = SeededGenerator(seed: seed)
        self.context = context
        inner?.context = context
        (failures, allowed) = ([], [])
        seen.removeAll(keepingCapacity: true)
        distinct = 0
        futureNumber = 0
        journal?.removeAll()
        (decided, lostLines, explanation) = ([], [], [])
        trials?.restart(seed: seed)
        self.history = history
        memory.clearFindings()
        inner?.restart(seed: seed ^ 0xdead, context: context)
    }

    // MARK: What the store is doing

    /// The store holds this and nothing is under way.
    package func settle(_ commit: UInt64, _ model: CrashModel) {
        // Laid out once for each commit: most settle what was expected before.
        let state = state(of: commit) ?? model.expected(at: commit)
        allowed = [(state, model)]
        if trials != nil { history.settle(commit, model) }
        acknowledged = commit
        seen.removeAll(keepingCapacity: true)
    }

    /// The next commit has begun; a crash may find it.
    package func expect(_ commit: UInt64, _ model: CrashModel) {
        allowed.append((model.expected(at: commit), model))
    }

    package var model: CrashModel { model(of: acknowledged) ?? CrashModel() }

    func model(of commit: UInt64) -> CrashModel? {
        allowed.first { $0.state.commit == commit }?.model
    }

    func state(of commit: UInt64) -> ExpectedState? {
        allowed.first { $0.state.commit == commit }?.state
    }

    /// Compares a store at rest with the acknowledged state.
    func difference(_ store: SimulatedStore) -> String? {
        allowed.first.flatMap { image.check(store, $0.state) }.map { "while running: \($0)" }
    }

    /// Does a step on the store that runs on the explored memory.
    package func run(_ step: ModelStep, on store: SimulatedStore) throws {
        switch step {
        case .commit(let operations): try commit(operations, on: store)
        case .abort(let operations):
            defer { history.forgetStores() }
            do {
                try store.abort(operations)
            } catch StoreError.commit(.full) {
                tally.refused += 1
            }
            compare(store)
        case .checkpoint: try store.checkpoint()
        case .reopen: try store.checkpoint(isClosing: true)
        case .shrink(let segments): try shrink(segments, on: store)
        case .kill: break
        }
        takeFindings()
    }

    private func commit(_ operations: [ModelOperation], on store: SimulatedStore) throws {
        let before = model
        var next = before
        for operation in operations { operation.apply(to: &next) }
        let number = store.commit
        do {
            let result = try store.transact(operations) {
                expect(number + 1, next)
                return try store.commitTransaction()
            }
            settle(result, result == number ? before : next)
        } catch StoreError.commit(.full) {
            tally.refused += 1
            settle(number, before)
            history.forgetStores()
        }
        compare(store)
    }

    /// A step that gives nothing back crashes nothing: that is a failure of the scenario, or of the store.
    private func shrink(_ segments: Int, on store: SimulatedStore) throws {
        let found = try store.shrink()
        if found != segments { fail(.live, "\(found) segments were given back, not \(segments)") }
    }

    /// What a transaction has left in memory, committed or not.
    private func compare(_ store: SimulatedStore) {
        if !isQuiet, let difference = difference(store) { fail(.live, difference) }
    }

    private func noted(_ note: MediumEvent) {
        journal?.note(note, at: memory.eventCount)
        switch note {
        case .acknowledged(let commit):
            guard let model = model(of: commit) else {
                if !allowed.isEmpty { fail(.live, "commit \(commit) was acknowledged, which nobody made") }
                return
            }
            settle(commit, model)
            explorePoint(memory.eventCount) { "after the acknowledgement of \(commit)" }
        case .checkpointed: explorePoint(memory.eventCount) { "after a checkpoint" }
        case .recoveryEnded, .recoveryBegan: break
        }
    }

    func takeFindings() {
        for finding in memory.findings { fail(.door, finding) }
        memory.clearFindings()
    }

    /// - Parameter path: Steps that lead to what failed, within this explorer's run.
    func fail(_ rung: CrashFailure.Rung, _ text: String, path: [CrashStep] = []) {
        failures.append(CrashFailure(rung: rung, text: "\(context): \(text)", token: token(path)))
    }

    /// Of an inner explorer the path alone, which the outer one goes on from.
    func token(_ path: [CrashStep], then rest: String = "") -> String {
        let parts = path.map(\.description) + (rest.isEmpty ? [] : [rest])
        if parts.isEmpty { return "" }
        return (depth > 1 ? parts : ["pms1", context] + parts).joined(separator: ":")
    }

    func keepEvidence() {
        explanation = image.memory.futureDescription
        decided = [image.memory.decidedGroups]
        if journal != nil { lostLines = memory.lostLines }
    }

    /// For a run's own checks.
    package func report(_ rung: CrashFailure.Rung, _ text: String) { fail(rung, text) }

    /// What another explorer has found, as findings of this one.
    func adopt(_ found: [CrashFailure]) { failures += found }

    func takeFailures() -> [CrashFailure] {
        defer { failures = [] }
        return failures
    }

    // MARK: Crash points

    var isExploring: Bool { !isQuiet && !allowed.isEmpty && failures.count < plan.failureLimit }

    private func explore(_ event: SimulatedEvent) {
        observer?(event)
        journal?.note(event)
        if trials != nil { history.note(event, layout) }
        guard isExploring else { return }
        if let step = target?.first {
            guard step.event == event.number else { return }
            if step.turn == .kill { return kill(event.number, "before \(event)") }
        }
        tally.events += 1
        explorePoint(event.number) { "before \(event)" }
        let isKilled =
            plan.killsAtDrains && event.kind == .drain || plan.kills > 0 && random.oneIn(plan.kills)
        if isKilled, !memory.units.isEmpty { kill(event.number, "before \(event)") }
    }

    func explorePoint(_ number: Int, _ place: () -> String) {
        guard isExploring else { return }
        if let step = target?.first, step.event != number || step.turn == .kill { return }
        tally.points += 1
        image.memory.beginPowerCut()
        if let step = target?.first { image.memory.decisions = step.decisions }
        image.memory.fates = target?.count == nil || fates?.level != depth ? nil : fates?.groups
        let states = allowed.map(\.state)
        var futures = 0
        repeat {
            image.memory.beginFuture()
            let verdict = image.check(allowed: states)
            futures += 1
            tally.states += 1
            futureNumber += 1
            if let failure = verdict.failure {
                let rung = depth > 1 ? CrashFailure.Rung.nested : .cut
                fail(rung, "power cut \(place()): \(failure)", path: [step(number)])
                keepEvidence()
            } else {
                goOn(verdict, number, place)
            }
            if futures >= plan.futureLimit {
                tally.capped += 1
                givenUp.append("\(context): \(place()), \(memory.groups.count) stores pending")
                break
            }
        } while isExploring && target == nil && image.memory.nextFuture()
        tally.mostFutures = max(tally.mostFutures, futures)
    }

    /// The future that is run now.
    func step(_ number: Int, _ turn: CrashStep.Turn? = nil) -> CrashStep {
        CrashStep(event: number, decisions: turn == .kill ? [] : image.memory.decisions, turn: turn)
    }

    package func takeGivenUp() -> [String] {
        defer { givenUp = [] }
        return givenUp
    }
}
