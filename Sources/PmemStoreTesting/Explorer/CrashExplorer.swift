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
    package private(set) var allowed: [(state: ExpectedState, model: CrashModel)] = []
    /// Names the run in replay tokens and failures.
    package var context: String
    private var acknowledged: UInt64 = 0
    private let image: CrashImage
    private let recoverer: CrashImage
    private let inner: CrashExplorer?
    private let trials: FaultTrials?
    /// What damage may bring back: states before the acknowledged one, and what the newest commit has stored.
    private var history: [UInt64: CrashModel] = [:]
    private var newest: [Range<Int>] = []
    private var stored: [Range<Int>] = []
    private let depth: Int
    private var random: SeededGenerator
    private var seen: Set<Int> = []
    private var distinct = 0
    /// Only this future of this event is run: a replay.
    package var target: (event: Int, decisions: [Int32])?
    /// What the failing future found on the medium and what it lacked, by site.
    package private(set) var explanation: [String] = []
    /// The crash points that had more futures than the plan allows.
    private var givenUp: [String] = []
    private var observer: ((SimulatedEvent) -> Void)?
    /// Futures of this run so far.
    private var futureNumber = 0
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
        trials = plan.faults > 0 ? FaultTrials(memory, layout: layout, seed: seed) : nil
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
    package func mutate(_ mutation: MediumMutation?, isAudited: Bool = true) {
        memory.mutation = mutation
        memory.isAudited = isAudited
        inner?.mutate(mutation, isAudited: isAudited)
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

    package var strikes: Int { memory.strikes + (inner?.strikes ?? 0) }

    /// A new run begins with what the memory holds.
    package func restart(seed: UInt64, context: String) {
        random = SeededGenerator(seed: seed)
        self.context = context
        inner?.context = context
        failures = []
        seen.removeAll(keepingCapacity: true)
        distinct = 0
        futureNumber = 0
        trials?.restart(seed: seed)
        history = [:]
        stored = []
        memory.clearFindings()
        inner?.restart(seed: seed ^ 0xdead, context: context)
    }

    // MARK: What the store is doing

    /// The store holds this and nothing is under way.
    package func settle(_ commit: UInt64, _ model: CrashModel) {
        allowed = [(model.expected(at: commit), model)]
        if commit != acknowledged || history.isEmpty {
            newest = stored
            stored = []
        }
        if trials != nil { history[commit] = model }
        acknowledged = commit
        seen.removeAll(keepingCapacity: true)
    }

    /// The next commit has begun; a crash may find it.
    package func expect(_ commit: UInt64, _ model: CrashModel) {
        allowed.append((model.expected(at: commit), model))
    }

    package var model: CrashModel { model(of: acknowledged) ?? CrashModel() }

    private func model(of commit: UInt64) -> CrashModel? {
        allowed.first { $0.state.commit == commit }?.model
    }

    /// Does a step on the store that runs on the explored memory.
    package func run(_ step: ModelStep, on store: SimulatedStore) throws {
        switch step {
        case .commit(let operations): try commit(operations, on: store)
        case .abort(let operations):
            do {
                try store.abort(operations)
            } catch StoreError.commit(.full) {
                tally.refused += 1
            }
        case .checkpoint: try store.checkpoint()
        case .reopen: try store.checkpoint(isClosing: true)
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
        }
        if !isQuiet, let state = allowed.first?.state, let difference = image.check(store, state) {
            fail(.live, "while running: \(difference)")
        }
    }

    private func noted(_ note: MediumEvent) {
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

    private func takeFindings() {
        for finding in memory.findings { fail(.door, finding) }
        memory.clearFindings()
    }

    private func fail(_ rung: CrashFailure.Rung, _ text: String, token: String = "") {
        failures.append(CrashFailure(rung: rung, text: "\(context): \(text)", token: token))
    }

    /// For a run's own checks.
    package func report(_ rung: CrashFailure.Rung, _ text: String) { fail(rung, text) }

    // MARK: Crash points

    private var isExploring: Bool { !isQuiet && !allowed.isEmpty && failures.count < plan.failureLimit }

    private func explore(_ event: SimulatedEvent) {
        observer?(event)
        if trials != nil, event.role == .writer, event.kind == .copyIn || event.kind == .construct {
            stored.append(event.offset..<(event.offset + event.byteCount))
        }
        guard isExploring else { return }
        if let target, target.event != event.number { return }
        tally.events += 1
        explorePoint(event.number) { "before \(event)" }
        let isKilled =
            plan.killsAtDrains && event.kind == .drain || plan.kills > 0 && random.oneIn(plan.kills)
        if isKilled, !memory.units.isEmpty { kill("before \(event)") }
    }

    private func explorePoint(_ number: Int, _ place: () -> String) {
        guard isExploring else { return }
        if let target, target.event != number { return }
        tally.points += 1
        image.memory.beginPowerCut()
        if let target { image.memory.decisions = target.decisions }
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
                fail(rung, "power cut \(place()): \(failure)", token: token(number))
                explanation = image.memory.futureDescription
            } else {
                goOn(verdict, place)
            }
            if futures >= plan.futureLimit {
                tally.capped += 1
                givenUp.append("\(context): \(place()), \(memory.groups.count) stores pending")
                break
            }
        } while isExploring && target == nil && image.memory.nextFuture()
        tally.mostFutures = max(tally.mostFutures, futures)
    }

    private func token(_ number: Int) -> String {
        let decisions = image.memory.decisions.map(String.init).joined(separator: ".")
        return depth > 1 ? "" : "pms1:\(context):\(number):\(decisions)"
    }

    /// What else happens to a future that recovered well.
    private func goOn(_ verdict: CrashImage.Verdict, _ place: () -> String) {
        guard let commit = verdict.commit, let model = model(of: commit) else { return }
        if plan.faults > 0, futureNumber % plan.faults == 0 { damage(place) }
        if plan.nesting > 0, let inner { nest(commit, model, verdict, inner, place) }
        if plan.lives > 0, futureNumber % plan.lives == 0, let inner {
            tally.lives += 1
            image.memory.materialize(into: inner.memory, restArrives: random.oneIn(2))
            inner.live(allowed.map { ($0.state.commit, $0.model) }, "\(context), power cut \(place()), then")
            take(inner)
        }
        if plan.use > 0, futureNumber % plan.use == 0 {
            tally.used += 1
            image.memory.settleFuture()
            if let failure = FutureUse(image).failure(from: commit, model) {
                fail(.use, "power cut \(place()), then use: \(failure)", token: token(memory.eventCount))
            }
        }
    }

    /// Damages a future and recovers it once more.
    private func damage(_ place: () -> String) {
        guard let trials, acknowledged > 0, let previous = history[acknowledged - 1] else { return }
        let promise = FaultTrials.Promise(
            states: allowed.map(\.state), previous: previous.expected(at: acknowledged - 1), newest: newest
        ) { [history] commit in history[commit]?.expected(at: commit) }
        guard let (fault, result) = trials.trial(image.memory, at: tally.points, promise) else { return }
        tally.faults += 1
        switch result {
        case .right: break
        case .reported: tally.reported += 1
        case .tailLost: tally.tailsLost += 1
        case .unverified: tally.unverified += 1
        case .wrong(let text): fail(.fault, "power cut \(place()), \(fault): \(text)")
        }
    }

    /// Crashes within the recovery of a future, if recovery meets lines that it has not met at this point before.
    private func nest(
        _ commit: UInt64, _ model: CrashModel, _ verdict: CrashImage.Verdict, _ inner: CrashExplorer,
        _ place: () -> String
    ) {
        image.memory.materialize(into: inner.memory, restArrives: futureNumber & 1 == 0)
        var hasher = Hasher()
        hasher.combine(commit)
        hasher.combine(memory.counts.drains)
        for line in [verdict.tailLine, verdict.ringLine] {
            for word in 0..<8 { hasher.combine(inner.memory.word(line + 8 * word)) }
        }
        // How much of a superblock has arrived, where recovery may have to make a torn one unusable.
        for generation in [UInt64(0), 1] {
            let start = Int(Superblock.offset(generation: generation))
            let places = stride(from: start, to: start + 64, by: 8)
            hasher.combine(places.count { inner.memory.word($0) != memory.durableWord($0) })
        }
        guard seen.insert(hasher.finalize()).inserted else { return }
        distinct += 1
        guard distinct % plan.nesting == 0 else { return }
        inner.crashRecovery(allowed, "\(context), power cut \(place()), then")
        take(inner)
    }

    /// - Parameter states: until a recovery has ended, nobody knows what it has found, and the next may find another
    ///   of them: a zero that recovery writes can be the one word that a torn entry lacks.
    private func crashRecovery(_ states: [(state: ExpectedState, model: CrashModel)], _ context: String) {
        self.context = context
        seen.removeAll(keepingCapacity: true)
        allowed = states
        let verdict = recoverer.check(allowed: states.map(\.state))
        if let failure = verdict.failure { fail(.nested, failure) }
        if let commit = verdict.commit, let model = model(of: commit) {
            settle(commit, model)
            explorePoint(memory.eventCount) { "after recovery" }
        }
        takeFindings()
        allowed = []
    }

    /// The process is killed: what it stored can be read, and is not durable. Then the power is cut.
    private func kill(_ place: String) {
        guard let inner else { return }
        tally.kills += 1
        inner.memory.loadProcessKill()
        inner.live(allowed.map { ($0.state.commit, $0.model) }, "\(context), process killed \(place), then")
        take(inner)
    }

    package func takeGivenUp() -> [String] {
        defer { givenUp = [] }
        return givenUp
    }

    private func take(_ inner: CrashExplorer) {
        tally.nested += inner.tally.states + inner.tally.nested
        tally.deep += inner.tally.nested
        tally.used += inner.tally.used
        tally.capped += inner.tally.capped
        inner.tally = CrashTally()
        givenUp += inner.takeGivenUp()
        failures += inner.failures
        inner.failures = []
    }

    /// Recovers what the memory holds, commits, and saves, crashing all the while.
    ///
    /// - Parameter states: as in ``crashRecovery(_:_:)``.
    private func live(_ states: [(commit: UInt64, model: CrashModel)], _ context: String) {
        self.context = context
        seen.removeAll(keepingCapacity: true)
        allowed = states.map { ($0.model.expected(at: $0.commit), $0.model) }
        acknowledged = states.map(\.commit).min() ?? 0
        do {
            let store = try SimulatedStore(memory, layout: layout)
            if let model = model(of: store.commit) {
                settle(store.commit, model)
                explorePoint(memory.eventCount) { "after recovery" }
                for step in Self.life(model) where isExploring { try run(step, on: store) }
            } else {
                fail(.nested, "recovered commit \(store.commit)")
            }
        } catch {
            fail(.nested, "recovery or use failed: \(error)")
        }
        takeFindings()
        allowed = []
    }

    private static func life(_ model: CrashModel) -> [ModelStep] {
        let key = Array("nested".utf8)
        let first = model.pairs(1).first?.key ?? key
        return [
            .commit([.put(key, key: first, table: 1)]), .checkpoint,
            .commit([.delete(first, table: 1), .put([], key: key, table: 2)]), .checkpoint,
        ]
    }
}
