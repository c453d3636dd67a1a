internal import CPmem
internal import Glibc

extension TreeWriter {
    /// Removes the located entry and returns its reference.
    package mutating func remove(tree: inout TreeState) throws(StoreError) -> UInt64 {
        try makePathWritable(&tree)
        let leaf = path.leaf
        let reference = leaf.removeEntry(at: path.leafIndex)
        if !tree.isCatalog { try countRemoved(&tree) }
        let level = path.depth - 1
        if leaf.count == 0 {
            removeFromParent(of: level, tree: &tree)
        } else if leaf.count < NodeLayout.leafCapacity / 4 {
            try mergeLeaf(at: level, tree: &tree)
        }
        try collapseRoot(&tree)
        storePairs(tree)
        return reference
    }

    /// The root's number of pairs is read from the medium and never counted.
    @inline(__always)
    private func countRemoved(_ tree: inout TreeState) throws(StoreError) {
        guard tree.pairs > 0 else {
            throw .corrupted(
                .init(.node, offset: tree.reference.offset, detail: "the root counts fewer pairs than it has")
            )
        }
        tree.pairs -= 1
    }

    /// Drops the node at a level of the path, and its parent too where that becomes empty.
    private mutating func removeFromParent(of level: Int, tree: inout TreeState) {
        drop(path.steps[level].pointer)
        if level == 0 {
            tree.root = 0
            return
        }
        let parent = path.steps[level - 1].pointer
        parent.removeSeparator(at: path.steps[level - 1].index)
        if parent.count == 0 { removeFromParent(of: level - 1, tree: &tree) }
    }

    /// A root with one child is not needed (invariant 7).
    private mutating func collapseRoot(_ tree: inout TreeState) throws(StoreError) {
        while tree.root != 0 {
            let root = Self.node(tree.root)
            if root.isLeaf || root.count > 1 { return }
            let child = writable(try space.child(0, of: root))
            drop(root)
            tree.root = NodeReference(child).raw
        }
    }

    // MARK: Merging

    /// Joins a sparse leaf with a neighbour below the same parent, when the two fill three quarters at most.
    private mutating func mergeLeaf(at level: Int, tree: inout TreeState) throws(StoreError) {
        guard let pair = try neighbour(at: level, limit: NodeLayout.leafCapacity * 3 / 4) else { return }
        let leaf = path.leaf
        let other = pool.allocate(NodeLayout.byteCount)
        unsafe memcpy(other.address, pair.node.address, NodeLayout.byteCount)
        defer { pool.release(other) }
        let shared = unsafe sharedPrefix(leaf.prefix, other.prefix)
        leaf.shortenPrefix(to: shared)
        other.shortenPrefix(to: shared)
        leaf.join(other, before: pair.isLeft)
        absorbed(pair, above: level, tree: &tree)
        try mergeInner(at: level - 1, tree: &tree)
    }

    /// Joins a sparse inner node with a neighbour; the separator between the two moves down.
    private mutating func mergeInner(at level: Int, tree: inout TreeState) throws(StoreError) {
        if level <= 0 || path.steps[level].pointer.count >= NodeLayout.innerCapacity / 4 { return }
        guard let pair = try neighbour(at: level, limit: NodeLayout.innerCapacity * 3 / 4) else { return }
        let parent = path.steps[level - 1]
        let node = path.steps[level].pointer
        var left = pair.isLeft ? pair.node.separatorEntries() : node.separatorEntries()
        var right = pair.isLeft ? node.separatorEntries() : pair.node.separatorEntries()
        right[0].separator = parent.pointer.separator(pair.isLeft ? parent.index : parent.index + 1)
        left.append(contentsOf: right)
        let prefix = SeparatorEntry.sharedPrefix(left[...])
        if SeparatorEntry.nodeBytes(left[...], prefix: prefix) > NodeLayout.preferredInnerBytes { return }
        replaceOnPath(level, with: makeInner(left[...], like: node), tree: &tree)
        absorbed(pair, above: level, tree: &tree)
        try mergeInner(at: level - 1, tree: &tree)
    }

    /// A neighbour below the same parent.
    private struct Neighbour {
        let node: NodePointer
        let isLeft: Bool
    }

    /// The right neighbour, else the left one, when it and the node at `level` have at most `limit` entries together.
    private func neighbour(at level: Int, limit: Int) throws(StoreError) -> Neighbour? {
        if level == 0 { return nil }
        let parent = path.steps[level - 1]
        let own = path.steps[level].pointer.count
        for (index, isLeft) in [(parent.index + 1, false), (parent.index - 1, true)] {
            guard index >= 0, index < parent.pointer.count else { continue }
            let node = try space.child(index, of: parent.pointer)
            if node.count + own <= limit { return Neighbour(node: node, isLeft: isLeft) }
        }
        return nil
    }

    /// The path's node has taken a neighbour's entries: takes the neighbour out of the parent.
    private mutating func absorbed(_ pair: Neighbour, above level: Int, tree: inout TreeState) {
        drop(pair.node)
        let parent = path.steps[level - 1]
        if pair.isLeft {
            unsafe parent.pointer.children[parent.index - 1] = unsafe parent.pointer.children[parent.index]
            parent.pointer.removeSeparator(at: parent.index)
            path.steps[level - 1].index -= 1
        } else {
            parent.pointer.removeSeparator(at: parent.index + 1)
        }
    }
}

extension NodePointer {
    /// Takes an entry out of a leaf.
    @inline(__always)
    func removeEntry(at index: Int) -> UInt64 {
        let reference = unsafe records[index]
        let moved = count - index - 1
        unsafe memmove(heads + index, heads + index + 1, 8 * moved)
        unsafe memmove(records + index, records + index + 1, 8 * moved)
        count -= 1
        return reference
    }

    /// Takes over the entries of another leaf with the same prefix, in front of the own ones or behind them.
    func join(_ other: NodePointer, before isBefore: Bool) {
        let added = other.count
        let at = isBefore ? 0 : count
        if isBefore {
            unsafe memmove(heads + added, heads, 8 * count)
            unsafe memmove(records + added, records, 8 * count)
        }
        unsafe memcpy(heads + at, other.heads, 8 * added)
        unsafe memcpy(records + at, other.records, 8 * added)
        count += added
    }
}
