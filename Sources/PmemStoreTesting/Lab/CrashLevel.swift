internal import PmemStore

/// One of the power cuts that follow each other: a memory on which something runs, a second one on which what a cut
/// leaves of it is recovered, and a level of its own for cuts within that recovery.
final class CrashLevel {
    let memory: SimulatedMemory
    let image: SimulatedMemory
    let inner: CrashLevel?
    /// States from which a recovery was crashed, since this level's run has begun.
    private var seen: Set<RecoveryFingerprint> = []
    private var firstDrain = 0

    /// - Parameter depth: Cuts in a row, this one's included.
    init(_ memory: SimulatedMemory, depth: Int) {
        self.memory = memory
        image = memory.makeChild(isTracking: false)
        inner = depth > 1 ? CrashLevel(memory.makeChild(isTracking: true), depth: depth - 1) : nil
    }

    /// A new run begins on the memory.
    func begin() {
        seen.removeAll(keepingCapacity: true)
        firstDrain = memory.counts.drains
    }

    /// Becomes what is durable with the next state of the power cut.
    func recover(_ layout: SimulatedLayout) throws(StoreError) -> SimulatedLayout.Recovered {
        let recovered = try layout.recover(image)
        // What recovery has not read, no descent reaches: it stays away.
        image.settleFuture()
        return recovered
    }

    /// Lays the state, as it was before its recovery, into the inner level's memory. What recovery has not read arrives
    /// or does not by the state's own decisions, so that a token leads back to it.
    func load(_ step: CrashLabToken.Step, into inner: CrashLevel) {
        let sum = step.decisions.reduce(step.event) { $0 &+ Int($1) }
        image.materialize(into: inner.memory, restArrives: sum & 1 == 0)
    }

    /// True when recovery meets something in the state that ``load(_:into:)`` has laid which it has not met before.
    func isNew(_ recovered: SimulatedLayout.Recovered, in inner: CrashLevel) -> Bool {
        let drains = memory.counts.drains - firstDrain
        return seen.insert(RecoveryFingerprint(recovered, inner.memory, of: memory, drains: drains)).inserted
    }
}
