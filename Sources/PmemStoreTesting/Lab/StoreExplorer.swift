internal import PmemStore

/// Cuts the power of a running store's memory at every event, recovers each state that is left beside it, and has it
/// verified; then the same within the recovery of each distinct state.
final class StoreExplorer {
    /// Moments of outer levels, which have led to the one that is explored.
    private struct Place {
        let step: CrashLabToken.Step
        let site: String
        let level: CrashLevel
    }

    private let lab: CrashLab
    private let layout: SimulatedLayout
    private let token: CrashLabToken?
    private let verify: (Store) throws -> Void
    private let run: CrashLevel
    private var places: [Place] = []
    private var store: Store?
    private var report = CrashLabReport()
    private var failure: CrashLabFailure?

    init(
        _ lab: CrashLab, layout: SimulatedLayout, token: CrashLabToken?,
        verify: @escaping (Store) throws -> Void
    ) {
        self.lab = lab
        self.layout = layout
        self.token = token
        self.verify = verify
        let memory = SimulatedMemory(byteCount: layout.byteCount)
        layout.format(memory)
        run = CrashLevel(memory, depth: max(lab.depth, token?.steps.count ?? 1))
    }

    func run(_ body: (Store) throws -> Void) throws -> CrashLabReport {
        run.memory.onEvent = { [unowned self] event in explore(run, before: event, promised) }
        defer { run.memory.onEvent = nil }
        let store = try Store.open(run.memory, layout: layout)
        self.store = store
        // A failure that was found meanwhile is the cause, also of what the run throws.
        let result = Result { try body(store) }
        report.commits = store.newestCommit
        if case .success = result { try? store.close() }
        explore(run, run.memory.eventCount, promised) { "at the end" }
        if let failure { throw failure }
        try result.get()
        if let token, report.states + report.nestedStates == 0 {
            throw CrashLabError.momentNotReached(
                token: token.description, events: run.memory.eventCount)
        }
        return report
    }

    /// What a cut of the run may leave: what has returned, or the transaction under way.
    private var promised: ClosedRange<UInt64> {
        let acknowledged = store?.newestCommit ?? 0
        return acknowledged...(acknowledged + 1)
    }

    private func description(_ event: SimulatedEvent) -> String {
        let what =
            switch event.kind {
            case .drain: "a fence"
            case .flush: "a flush of \(event.byteCount) bytes of the \(layout.region(event.offset).rawValue)"
            default: "a store of \(event.byteCount) bytes to the \(layout.region(event.offset).rawValue)"
            }
        return "event \(event.number), \(what) by the \(event.role)"
    }

    // MARK: Crash points

    private func explore(_ level: CrashLevel, before event: SimulatedEvent, _ promised: ClosedRange<UInt64>) {
        explore(level, event.number, promised) { "before \(self.description(event))" }
    }

    private func explore(
        _ level: CrashLevel, _ event: Int, _ promised: ClosedRange<UInt64>, _ site: () -> String
    ) {
        if failure != nil { return }
        let told = token?.steps[places.count]
        if let told, told.event != event { return }
        if places.isEmpty { report.points += 1 } else { report.nestedPoints += 1 }
        level.image.beginPowerCut()
        if let told { level.image.decisions = told.decisions }
        var states = 0
        repeat {
            level.image.beginFuture()
            explore(level, event, promised, site())
            states += 1
            if states == lab.stateLimit, token == nil {
                report.capped += 1
                break
            }
        } while failure == nil && token == nil && level.image.nextFuture()
    }

    /// Recovers and verifies one state; then crashes its recovery.
    private func explore(
        _ level: CrashLevel, _ event: Int, _ promised: ClosedRange<UInt64>, _ site: String
    ) {
        let isLast = token.map { $0.steps.count == places.count + 1 } ?? true
        var found: UInt64?
        do {
            let recovered = try level.recover(layout)
            found = recovered.commit
            if isLast {
                if places.isEmpty { report.states += 1 } else { report.nestedStates += 1 }
                try verify(level.image, recovered.commit, promised)
            }
            if let inner = level.inner, token == nil || !isLast {
                let step = CrashLabToken.Step(event: event, decisions: level.image.decisions)
                level.load(step, into: inner)
                guard token != nil || level.isNew(recovered, in: inner) else { return }
                guard token != nil || report.nestedStates < lab.nestedStateLimit else {
                    report.uncrashed += 1
                    return
                }
                places.append(Place(step: step, site: site, level: level))
                defer { places.removeLast() }
                try crashRecovery(inner, promised)
            }
        } catch {
            fail(level, event, site, found: found, "\(error)")
        }
    }

    /// Recovers what a level's memory holds and cuts the power all the while.
    private func crashRecovery(_ level: CrashLevel, _ promised: ClosedRange<UInt64>) throws {
        level.begin()
        level.memory.onEvent = { [unowned self] event in explore(level, before: event, promised) }
        defer { level.memory.onEvent = nil }
        let recovered = try layout.recover(level.memory)
        // Until it has ended, nobody knows what it has found, and the next may find one commit more.
        explore(level, level.memory.eventCount, recovered.commit...recovered.commit) { "after it" }
    }

    private func verify(_ image: SimulatedMemory, _ found: UInt64, _ promised: ClosedRange<UInt64>) throws {
        let store = try Store.open(image, layout: layout, savesAtClose: false)
        defer { try? store.close() }
        guard promised.contains(found), store.newestCommit == found else { throw UnpromisedCommit() }
        try verify(store)
    }

    private func fail(_ level: CrashLevel, _ event: Int, _ site: String, found: UInt64?, _ reason: String) {
        let step = CrashLabToken.Step(event: event, decisions: level.image.decisions)
        let sites = places.map(\.site) + [site]
        let stores = (places.map(\.level) + [level]).enumerated().flatMap { depth, level in
            level.image.futureDescription.map { depth == 0 ? $0 : "in recovery: \($0)" }
        }
        failure = CrashLabFailure(
            token: CrashLabToken(name: lab.name, steps: places.map(\.step) + [step]).description,
            site: sites.joined(separator: "; then, in recovery, "), acknowledged: store?.newestCommit ?? 0,
            found: found, reason: reason, stores: stores)
    }
}

/// The store itself is wrong.
private struct UnpromisedCommit: Error, CustomStringConvertible {
    var description: String { "the store holds another commit than the last that returned, or the next" }
}
