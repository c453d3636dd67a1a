extension PmemobjTree {
    /// Checks invariants 1 to 3 of the whole tree and returns the number of items; nil when one is broken.
    func checkedCount() -> Int? {
        let root = pool.rootNode
        guard root != 0 else { return 0 }
        guard let depth = depth(of: root), depth > 0 else { return nil }
        var order = OrderCheck()
        let count = scan(from: nil, limit: .max, reverse: false, &order)
        return order.isOrdered ? count : nil
    }

    /// Depth of the subtree; nil when its leaves differ in depth or a node but the root holds too few items.
    private func depth(of offset: UInt64) -> Int? {
        let node = pool.node(offset)
        let isRoot = offset == pool.rootNode
        guard node.count <= PmemobjNode.capacity, node.count >= (isRoot ? 1 : PmemobjNode.minimum) else {
            return nil
        }
        if node.isLeaf { return 1 }
        let depths = (0...node.count).map { depth(of: node.child($0)) }
        guard let first = depths[0], depths.allSatisfy({ $0 == first }) else { return nil }
        return first + 1
    }
}

/// Sees that every key is above the one before.
private struct OrderCheck: PairVisitor {
    var isOrdered = true
    private var previous: [UInt8]?

    mutating func visit(_ key: RawSpan, _ value: RawSpan) {
        let bytes = unsafe key.withUnsafeBytes { unsafe Array($0) }
        if let previous, !previous.lexicographicallyPrecedes(bytes) { isOrdered = false }
        previous = bytes
    }
}
