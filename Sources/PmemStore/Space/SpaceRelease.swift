internal import CPmem
internal import Glibc

/// Decides when space that a durable checkpoint no longer needs may be given out again.
///
/// A record or node born in epoch b that died in epoch d is visible to a reader of commit s only if b <= epoch(s) and s
/// precedes the checkpoint that ended epoch d. Everything else is free at once: one old reader costs only what it can
/// see. Belongs to the checkpointer.
package struct SpaceRelease<M: Medium> {
    /// An item that is dead in the last checkpoint.
    private struct Item {
        let offset: UInt64
        /// Where the epoch of its birth can be read: the record, or the node itself.
        let record: UInt64
        let isNode: Bool
    }

    let medium: M
    let map: ChunkMap
    /// Nodes that died while a checkpoint was writing them.
    package var lateDeaths: [UInt64] = []
    private var items: [Item] = []
    private var blocked: [UInt64: [Item]] = [:]
    private var free: [UInt64] = []
    /// What is free, as it is given out.
    private var groups: [SlotGroup] = []
    private var given = 0
    /// Last commit of each epoch, ascending.
    private var epochs: [(epoch: UInt32, lastCommit: UInt64)] = []

    /// So few that a writer who comes meanwhile still spins when it is its turn.
    private static var batch: Int { 256 }

    package init(medium: M, map: ChunkMap) {
        self.medium = medium
        self.map = map
    }

    /// An epoch ends with a commit.
    package mutating func cut(epoch: UInt32, lastCommit: UInt64) {
        epochs.append((epoch, lastCommit))
    }

    package mutating func add(_ offset: UInt64, recordOffset: UInt64, _ word: UInt64) {
        if word & Delta.spill != 0 {
            free.append(offset)  // no reader ever sees it, but the checkpoint is what makes it needless
            return
        }
        items.append(Item(offset: offset, record: recordOffset, isNode: word & Delta.node != 0))
    }

    /// Sorts the dead into free and blocked, after the checkpoint of a commit has become durable.
    ///
    /// - Throws: ``StoreError/corrupted(_:)`` when the dead are not where slots are.
    package mutating func sort(pins: [UInt64], checkpointed commit: UInt64) throws(StoreError) {
        let dead = items
        items.removeAll(keepingCapacity: true)
        let older = pins.filter { $0 < commit }
        for (pin, waiting) in blocked where !pins.contains(pin) {
            blocked[pin] = nil
            for item in waiting { decide(item, pins: pins.filter { $0 <= pin }) }
        }
        if older.isEmpty {
            free += dead.map(\.offset)
        } else {
            for item in dead { decide(item, pins: older) }
        }
        trimEpochs(oldestPin: pins.first ?? commit)
        groups += try SlotGroup.grouping(free, in: map)
        free.removeAll(keepingCapacity: true)
    }

    /// `pins`: the commits that are pinned and older than the item's death.
    private mutating func decide(_ item: Item, pins: [UInt64]) {
        guard let pin = pins.last, epoch(of: item) <= epoch(ofCommit: pin) else {
            free.append(item.offset)
            return
        }
        blocked[pin, default: []].append(item)
    }

    private func epoch(of item: Item) -> UInt32 {
        let address = unsafe medium.read(item.record, 64)
        return unsafe item.isNode
            ? address.loadUnaligned(fromByteOffset: 16, as: UInt32.self) : RecordPointer(address).epoch
    }

    /// The epoch in which a commit was made; above all where it has not ended.
    private func epoch(ofCommit commit: UInt64) -> UInt32 {
        epochs.reduce(.max) { $1.lastCommit >= commit ? min($0, $1.epoch) : $0 }
    }

    private mutating func trimEpochs(oldestPin: UInt64) {
        let keep = epochs.firstIndex { $0.lastCommit >= oldestPin } ?? epochs.count
        if keep > 0 { epochs.removeFirst(keep) }
    }

    /// Some of what is free; empty when there is no more.
    mutating func next() -> ArraySlice<SlotGroup> {
        let batch = groups[given..<min(given + Self.batch, groups.count)]
        given += batch.count
        if batch.isEmpty {
            groups.removeAll(keepingCapacity: true)
            given = 0
        }
        return batch
    }
}
