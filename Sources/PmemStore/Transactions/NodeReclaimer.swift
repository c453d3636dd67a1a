internal import CPmem
internal import Glibc

/// Frees DRAM nodes that no published root and no pinned commit reaches.
///
/// A node born at b and replaced at d is visible to the commits b ..< d; it is freed as soon as none of them is
/// pinned. One old reader therefore holds back only what it can see. Belongs to the holder of the write gate.
package struct NodeReclaimer: ~Copyable {
    private let readers: ReaderTable
    private var retired = WordList(capacity: 4096)
    /// Nodes that a pinned commit can see, by that commit.
    private var blocked: [UInt64: [UInt64]] = [:]
    private var threshold = NodeReclaimer.batch

    /// Nodes that wait before the pinned commits are looked up.
    private static let batch = 512

    package init(readers: ReaderTable) {
        self.readers = readers
    }

    deinit { retired.deallocate() }

    /// The node is not part of commit `dead` and of what follows.
    @inline(__always)
    package mutating func retire(_ node: NodePointer, dead: UInt64) {
        unsafe node.header.pointee.reserved1 = dead
        retired.append(NodeReference(node).raw)
    }

    /// Frees what can be freed. After every commit; O(1) while nothing is pinned.
    @inline(__always)
    package mutating func reclaim(into pool: inout NodePool) {
        if readers.isUnpinned, blocked.isEmpty {
            for index in 0..<retired.count { pool.release(Self.node(retired[index])) }
            retired.truncate(to: 0)
        } else if retired.count >= threshold {
            reclaimAroundReaders(&pool)
        }
    }

    /// Nodes that wait for a reader.
    package var blockedCount: Int { blocked.values.reduce(0) { $0 + $1.count } }

    @inline(never)
    private mutating func reclaimAroundReaders(_ pool: inout NodePool) {
        let pins = readers.pinnedCommits()
        for index in 0..<retired.count { freeOrBlock(retired[index], pins, &pool) }
        retired.truncate(to: 0)
        for pin in blocked.keys where !pins.contains(pin) {
            guard let nodes = blocked.removeValue(forKey: pin) else { continue }
            for node in nodes { freeOrBlock(node, pins, &pool) }
        }
    }

    private mutating func freeOrBlock(_ word: UInt64, _ pins: [UInt64], _ pool: inout NodePool) {
        let node = Self.node(word)
        let born = unsafe node.header.pointee.born
        let dead = unsafe node.header.pointee.reserved1
        if let pin = pins.last(where: { $0 < dead }), pin >= born {
            blocked[pin, default: []].append(word)
        } else {
            pool.release(node)
        }
    }

    @inline(__always)
    private static func node(_ word: UInt64) -> NodePointer {
        NodePointer(resident: NodeReference(raw: word))
    }
}
