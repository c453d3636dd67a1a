/// A persistent B-tree over byte-string keys in a libpmemobj pool, the comparison engine's index.
///
/// Invariants: 1. Keys grow from left to right, within a node and across children. 2. Every node but the root holds
/// `minimum` to `capacity` items. 3. All leaves have the same depth. 4. Each item owns exactly one record.
/// Every change happens inside a transaction of the pool, and a range is snapshotted before it is changed.
struct PmemobjTree: Sendable {
    let pool: PmemobjPool

    // MARK: Search

    /// Index of the first item whose key is not below `key`, and whether it is the key itself.
    @inline(__always)
    func position(of key: RawSpan, head: UInt64, in node: PmemobjNode) -> (index: Int, isFound: Bool) {
        let count = node.count
        var index = 0
        while index < count, node.head(index) < head { index += 1 }
        while index < count, node.head(index) == head {
            let order = pool.record(node.record(index)).compare(key)
            if order <= 0 { return (index, order == 0) }
            index += 1
        }
        return (index, false)
    }

    func get<Visitor: ValueVisitor>(_ key: RawSpan, _ visitor: inout Visitor) -> Bool {
        let head = PmemobjRecord.head(key)
        var offset = pool.rootNode
        while offset != 0 {
            let node = pool.node(offset)
            let (index, isFound) = position(of: key, head: head, in: node)
            if isFound {
                visitor.visit(pool.record(node.record(index)).value)
                return true
            }
            if node.isLeaf { return false }
            offset = node.child(index)
        }
        return false
    }

    // MARK: Scan

    /// Visits up to `limit` pairs in order, from `key` on where one is given.
    func scan<Visitor: PairVisitor>(
        from key: RawSpan?, limit: Int, reverse: Bool, _ visitor: inout Visitor
    ) -> Int {
        var remaining = limit
        let root = pool.rootNode
        guard root != 0 else { return 0 }
        if let key {
            let bound = (key: key, head: PmemobjRecord.head(key))
            if reverse {
                scanDown(root, from: bound.key, bound.head, &remaining, &visitor)
            } else {
                scanUp(root, from: bound.key, bound.head, &remaining, &visitor)
            }
        } else if reverse {
            scanDown(root, below: pool.node(root).count, &remaining, &visitor)
        } else {
            scanUp(root, from: 0, &remaining, &visitor)
        }
        return limit - remaining
    }

    private func scanUp<Visitor: PairVisitor>(
        _ offset: UInt64, from key: RawSpan, _ head: UInt64, _ remaining: inout Int, _ visitor: inout Visitor
    ) {
        let node = pool.node(offset)
        let (index, isFound) = position(of: key, head: head, in: node)
        if !isFound, !node.isLeaf { scanUp(node.child(index), from: key, head, &remaining, &visitor) }
        scanItemsUp(node, from: index, &remaining, &visitor)
    }

    /// Everything in the subtree from the child before item `index` on.
    private func scanUp<Visitor: PairVisitor>(
        _ offset: UInt64, from index: Int, _ remaining: inout Int, _ visitor: inout Visitor
    ) {
        let node = pool.node(offset)
        if !node.isLeaf { scanUp(node.child(index), from: 0, &remaining, &visitor) }
        scanItemsUp(node, from: index, &remaining, &visitor)
    }

    private func scanItemsUp<Visitor: PairVisitor>(
        _ node: PmemobjNode, from first: Int, _ remaining: inout Int, _ visitor: inout Visitor
    ) {
        var index = first
        while index < node.count, remaining > 0 {
            visit(node, index, &remaining, &visitor)
            index += 1
            if !node.isLeaf { scanUp(node.child(index), from: 0, &remaining, &visitor) }
        }
    }

    private func scanDown<Visitor: PairVisitor>(
        _ offset: UInt64, from key: RawSpan, _ head: UInt64, _ remaining: inout Int, _ visitor: inout Visitor
    ) {
        let node = pool.node(offset)
        let (index, isFound) = position(of: key, head: head, in: node)
        if isFound {
            scanItemsDown(node, below: index + 1, &remaining, &visitor)
        } else {
            if !node.isLeaf { scanDown(node.child(index), from: key, head, &remaining, &visitor) }
            scanItemsDown(node, below: index, &remaining, &visitor)
        }
    }

    /// Everything in the subtree up to the child behind item `index - 1`.
    private func scanDown<Visitor: PairVisitor>(
        _ offset: UInt64, below index: Int, _ remaining: inout Int, _ visitor: inout Visitor
    ) {
        let node = pool.node(offset)
        if !node.isLeaf { scanDownAll(node.child(index), &remaining, &visitor) }
        scanItemsDown(node, below: index, &remaining, &visitor)
    }

    private func scanDownAll<Visitor: PairVisitor>(
        _ offset: UInt64, _ remaining: inout Int, _ visitor: inout Visitor
    ) {
        scanDown(offset, below: pool.node(offset).count, &remaining, &visitor)
    }

    private func scanItemsDown<Visitor: PairVisitor>(
        _ node: PmemobjNode, below last: Int, _ remaining: inout Int, _ visitor: inout Visitor
    ) {
        var index = last
        while index > 0, remaining > 0 {
            index -= 1
            visit(node, index, &remaining, &visitor)
            if !node.isLeaf { scanDownAll(node.child(index), &remaining, &visitor) }
        }
    }

    @inline(__always)
    private func visit<Visitor: PairVisitor>(
        _ node: PmemobjNode, _ index: Int, _ remaining: inout Int, _ visitor: inout Visitor
    ) {
        guard remaining > 0 else { return }
        let record = pool.record(node.record(index))
        visitor.visit(record.key, record.value)
        remaining -= 1
    }
}
