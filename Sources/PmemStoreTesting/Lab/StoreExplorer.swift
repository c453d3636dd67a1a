internal import PmemStore

/// Cuts the power of a running store's memory at every event, recovers each state that is left beside it, and has it
/// verified.
final class StoreExplorer {
    private let lab: CrashLab
    private let layout: SimulatedLayout
    private let token: CrashLabToken?
    private let verify: (Store) throws -> Void
    private let memory: SimulatedMemory
    private let image: SimulatedMemory
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
        memory = SimulatedMemory(byteCount: layout.byteCount)
        layout.format(memory)
        image = memory.makeChild(isTracking: false)
    }

    func run(_ body: (Store) throws -> Void) throws -> CrashLabReport {
        memory.onEvent = { [unowned self] event in
            explore(event.number) { "before \(self.description(event))" }
        }
        defer { memory.onEvent = nil }
        let store = try Store.open(memory, layout: layout)
        self.store = store
        // A failure that was found meanwhile is the cause, also of what the run throws.
        let result = Result { try body(store) }
        report.commits = store.newestCommit
        if case .success = result { try? store.close() }
        explore(memory.eventCount) { "at the end" }
        if let failure { throw failure }
        try result.get()
        if let token, token.event > memory.eventCount {
            throw CrashLabError.momentNotReached(token: token.description, events: memory.eventCount)
        }
        return report
    }

    private func description(_ event: SimulatedEvent) -> String {
        let what =
            event.kind == .drain
            ? "a fence" : "a store of \(event.byteCount) bytes to the \(layout.region(event.offset).rawValue)"
        return "event \(event.number), \(what) by the \(event.role)"
    }

    // MARK: Crash points

    private func explore(_ event: Int, _ site: () -> String) {
        if failure != nil { return }
        if let token, token.event != event { return }
        report.points += 1
        let acknowledged = store?.newestCommit ?? 0
        image.beginPowerCut()
        if let token { image.decisions = token.decisions }
        var states = 0
        repeat {
            image.beginFuture()
            var found: UInt64?
            do {
                found = try recover()
                try verifyState(found, acknowledged)
            } catch {
                failure = CrashLabFailure(
                    token: self.token(event), site: site(), acknowledged: acknowledged, found: found,
                    reason: "\(error)", stores: image.futureDescription)
            }
            states += 1
            if states == lab.stateLimit, token == nil {
                report.capped += 1
                break
            }
        } while failure == nil && token == nil && image.nextFuture()
        report.states += states
    }

    private func token(_ event: Int) -> String {
        CrashLabToken(name: lab.name, event: event, decisions: image.decisions).description
    }

    private func recover() throws -> UInt64 {
        let commit = try layout.recoveredCommit(image)
        // What recovery has not read, no descent reaches: it stays away.
        image.settleFuture()
        return commit
    }

    private func verifyState(_ found: UInt64?, _ acknowledged: UInt64) throws {
        let store = try Store.open(image, layout: layout, savesAtClose: false)
        defer { try? store.close() }
        guard let found, found == acknowledged || found == acknowledged + 1, store.newestCommit == found
        else { throw UnpromisedCommit() }
        try verify(store)
    }
}

/// The store itself is wrong.
private struct UnpromisedCommit: Error, CustomStringConvertible {
    var description: String { "the store holds another commit than the last that returned, or the next" }
}
