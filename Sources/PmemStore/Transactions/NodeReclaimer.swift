internal import CPmem
internal import Glibc

/// Frees DRAM nodes that no published root and no pinned commit reaches.
///
/// A node born at b and replaced at d is visible to the commits b ..< d; it is freed as soon as none of them is
/// pinned. One old reader, or a checkpoint, therefore holds back only what it can see. Belongs to the holder of the
/// write gate.
package struct NodeReclaimer: ~Copyable {
    private let readers: ReaderTable
    /// The pins that the last ``reclaim(into:dead:)`` has met. Who has pinned since has pinned its commit or a later.
    private(set) var pins = ReaderTable.OldPins()
    /// Nodes that the commit under way has replaced.
    private var retired = WordList()
    /// Nodes that a pinned commit can perhaps see.
    private var waiting = WordList(capacity: 4096)
    /// Nodes that a pinned commit can see, by that commit.
    private var blocked: [UInt64: [UInt64]] = [:]

    /// Nodes that wait before all pinned commits are looked up.
    private static let batch = 128
    /// Nodes freed by one commit once nothing is pinned: what a checkpoint held back is not one commit's burden.
    private static let step = 32

    package init(readers: ReaderTable) {
        self.readers = readers
    }

    deinit {
        retired.deallocate()
        waiting.deallocate()
    }

    /// The node is not part of commit `dead` and of what follows.
    @inline(__always)
    package mutating func retire(_ node: NodePointer, dead: UInt64) {
        unsafe node.header.pointee.stamp = dead
        retired.append(NodePool.word(node))
    }

    /// Frees what can be freed, after commit `dead` was published. O(nodes that it replaced).
    @inline(__always)
    package mutating func reclaim(into pool: inout NodePool, dead: UInt64) {
        pins = readers.pins(before: dead)
        let pin = pins.newest
        if waiting.count > 0 || !blocked.isEmpty { reclaimWaiting(&pool, isPinned: pin != 0) }
        let nodes = retired
        for index in 0..<nodes.count {
            let word = nodes[index]
            if NodePool.node(word).visibleFrom > pin {
                pool.release(word)
            } else {
                waiting.append(word)
            }
        }
        retired.truncate(to: 0)
    }

    @inline(never)
    private mutating func reclaimWaiting(_ pool: inout NodePool, isPinned: Bool) {
        if isPinned {
            if waiting.count >= Self.batch { reclaimAroundReaders(&pool) }
            return
        }
        if waiting.count == 0, let pin = blocked.keys.first, let nodes = blocked.removeValue(forKey: pin) {
            for word in nodes { waiting.append(word) }
        }
        let left = max(waiting.count - Self.step, 0)
        for index in left..<waiting.count { pool.release(waiting[index]) }
        waiting.truncate(to: left)
    }

    private mutating func reclaimAroundReaders(_ pool: inout NodePool) {
        let pins = readers.pinnedCommits()
        let nodes = waiting
        waiting = WordList(capacity: nodes.count)
        freeOrBlock((0..<nodes.count).lazy.map { nodes[$0] }, pins, &pool)
        nodes.deallocate()
        for pin in blocked.keys where !pins.contains(pin) {
            guard let nodes = blocked.removeValue(forKey: pin) else { continue }
            freeOrBlock(nodes, pins, &pool)
        }
    }

    /// Most often one pin, a checkpoint's, holds all of them: they are looked up by pin when it changes, not each.
    private mutating func freeOrBlock(
        _ words: some Sequence<UInt64>, _ pins: [UInt64], _ pool: inout NodePool
    ) {
        var holder: UInt64 = 0
        var held: [UInt64] = []
        for word in words {
            let node = NodePool.node(word)
            let born = node.visibleFrom
            let dead = unsafe node.header.pointee.stamp
            guard let pin = pins.last(where: { $0 < dead }), pin >= born else {
                pool.release(word)
                continue
            }
            if pin != holder {
                block(held, by: holder)
                (holder, held) = (pin, [])
            }
            held.append(word)
        }
        block(held, by: holder)
    }

    private mutating func block(_ words: [UInt64], by pin: UInt64) {
        if !words.isEmpty { blocked[pin, default: []] += words }
    }
}
