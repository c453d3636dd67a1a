internal import PmemStore

/// Commits of a run, and what the newest have stored: what damage may bring back, and why.
package struct CommitHistory: Sendable {
    private(set) var models: [UInt64: CrashModel] = [:]
    /// Of the newest acknowledged commit, and of the one under way.
    private(set) var newest: [Range<Int>] = []
    private(set) var stored: [Range<Int>] = []
    private var commit: UInt64?

    package init() {}

    mutating func settle(_ commit: UInt64, _ model: CrashModel) {
        models[commit] = model
        if commit == self.commit { return }
        self.commit = commit
        newest = stored
        stored = []
    }

    mutating func note(_ event: SimulatedEvent, _ layout: SimulatedLayout) {
        guard event.role == .writer, event.kind == .copyIn || event.kind == .construct else { return }
        if layout.region(event.offset) == .superblock { return }
        stored.append(event.offset..<(event.offset + event.byteCount))
    }

    /// The transaction under way has ended without a commit.
    mutating func forgetStores() { stored = [] }
}
