internal import PmemStore

/// What happens to a future beyond its recovery: crashes within that, a life, use, damage; and a kill instead of it.
extension CrashExplorer {
    /// What else happens to a future that recovered well.
    func goOn(_ verdict: CrashImage.Verdict, _ number: Int, _ place: () -> String) {
        guard let commit = verdict.commit, let model = model(of: commit) else { return }
        if let turn = target?.first?.turn { return take(turn, number, commit, model, place) }
        if plan.faults > 0, futureNumber % plan.faults == 0 { damage(nil, number, commit, place) }
        if plan.nesting > 0, inner != nil, isNew(verdict) {
            take(.nest(restArrives: futureNumber & 1 == 0), number, commit, model, place)
        }
        if plan.lives > 0, futureNumber % plan.lives == 0, inner != nil {
            take(.live(restArrives: random.oneIn(2)), number, commit, model, place)
        }
        if plan.use > 0, futureNumber % plan.use == 0 { take(.use, number, commit, model, place) }
    }

    private func take(
        _ turn: CrashStep.Turn, _ number: Int, _ commit: UInt64, _ model: CrashModel, _ place: () -> String
    ) {
        switch turn {
        case .nest(let restArrives):
            inside(turn, number, restArrives: restArrives) { inner in
                inner.crashRecovery(allowed, "\(context), power cut \(place()), then")
            }
        case .live(let restArrives):
            tally.lives += 1
            inside(turn, number, restArrives: restArrives) { inner in
                inner.live(
                    allowed.map { ($0.state.commit, $0.model) }, "\(context), power cut \(place()), then")
            }
        case .use:
            tally.used += 1
            image.memory.settleFuture()
            let state = state(of: commit) ?? model.expected(at: commit)
            if let failure = FutureUse(image).failure(from: (state, model)) {
                fail(.use, "power cut \(place()), then use: \(failure)", path: [step(number, .use)])
                keepEvidence()
            }
        case .fault(let fault): damage(fault, number, commit, place)
        case .kill: break
        }
    }

    /// Runs the explorer within this one on the future, and takes over what it has found.
    private func inside(
        _ turn: CrashStep.Turn, _ number: Int, restArrives: Bool, _ body: (CrashExplorer) -> Void
    ) {
        guard let inner else { return }
        image.memory.materialize(into: inner.memory, restArrives: restArrives)
        inside(turn, number, body)
    }

    private func inside(_ turn: CrashStep.Turn, _ number: Int, _ body: (CrashExplorer) -> Void) {
        guard let inner else { return }
        let rest = target?.dropFirst() ?? []
        inner.target = rest.isEmpty ? nil : Array(rest)
        body(inner)
        inner.target = nil
        take(inner, step(number, turn))
    }

    private func take(_ inner: CrashExplorer, _ step: CrashStep) {
        tally.nested += inner.tally.states + inner.tally.nested
        tally.deep += inner.tally.nested
        tally.used += inner.tally.used
        tally.capped += inner.tally.capped
        inner.tally = CrashTally()
        givenUp += inner.takeGivenUp()
        let found = inner.takeFailures()
        if found.isEmpty { return }
        if step.turn == .kill { (explanation, decided) = ([], [[]]) } else { keepEvidence() }
        explanation += inner.explanation.map { "then: \($0)" }
        decided += inner.decided
        lostLines = inner.lostLines
        adopt(found.map { CrashFailure(rung: $0.rung, text: $0.text, token: token([step], then: $0.token)) })
    }

    /// From now on every level keeps its last run's calls.
    func keepJournal() {
        journal = EventJournal()
        inner?.keepJournal()
    }

    /// For the next replay: what does not arrive at a level, instead of that level's decisions.
    func tellFates(_ groups: [Int: Int32]?, level: Int) {
        fates = groups.map { (level, $0) }
        inner?.tellFates(groups, level: level)
    }

    /// The explorer of a level; 1 is this one's.
    func explorer(level: Int) -> CrashExplorer? {
        level == depth ? self : inner?.explorer(level: level)
    }

    /// The process is killed: what it stored can be read, and is not durable. Then the power is cut.
    func kill(_ number: Int, _ place: String) {
        guard let inner else { return }
        tally.kills += 1
        inner.memory.loadProcessKill()
        inside(.kill, number) { inner in
            inner.live(
                allowed.map { ($0.state.commit, $0.model) }, "\(context), process killed \(place), then")
        }
    }

    /// True when recovery meets lines in this future that it has not met at this point before.
    private func isNew(_ verdict: CrashImage.Verdict) -> Bool {
        guard let inner, let recovered = verdict.recovered else { return false }
        image.memory.materialize(into: inner.memory, restArrives: futureNumber & 1 == 0)
        let print = RecoveryFingerprint(
            recovered, inner.memory, of: memory, drains: memory.counts.drains)
        guard seen.insert(print).inserted else { return false }
        distinct += 1
        return distinct % plan.nesting == 0
    }

    /// - Parameter states: until a recovery has ended, nobody knows what it has found, and the next may find another
    ///   of them: a zero that recovery writes can be the one word that a torn entry lacks.
    private func crashRecovery(_ states: [(state: ExpectedState, model: CrashModel)], _ context: String) {
        self.context = context
        journal?.removeAll()
        (decided, lostLines, explanation) = ([], [], [])
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

    /// Recovers what the memory holds, commits, and saves, crashing all the while.
    ///
    /// - Parameter states: as in ``crashRecovery(_:_:)``.
    private func live(_ states: [(commit: UInt64, model: CrashModel)], _ context: String) {
        self.context = context
        journal?.removeAll()
        (decided, lostLines, explanation) = ([], [], [])
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

    /// Damages a future, by chance or as told, and recovers it once more.
    private func damage(_ told: MediaFault?, _ number: Int, _ commit: UInt64, _ place: () -> String) {
        guard let trials else { return }
        let promise = FaultTrials.Promise(
            commit: commit, states: allowed.map(\.state),
            stored: commit == acknowledged ? history.newest : history.stored
        ) { [history] commit in history.models[commit]?.expected(at: commit) }
        guard let (fault, result) = trials.trial(image.memory, at: tally.points, promise, told) else {
            return
        }
        tally.faults[fault.kind, default: FaultTally()].count(result)
        if case .wrong(let text) = result {
            fail(
                .fault, "power cut \(place()), then \(fault): \(text)",
                path: [step(number, .fault(fault))])
            keepEvidence()
        }
    }
}
