extension PmemobjTree {
    /// Removes a key, inside a transaction, and tells whether it was there.
    ///
    /// A child gets more than the minimum of items before it is entered, so that nothing has to climb back.
    func remove(_ key: RawSpan) throws -> Bool {
        let head = PmemobjRecord.head(key)
        var offset = pool.rootNode
        while offset != 0 {
            let node = pool.node(offset)
            let (index, isFound) = position(of: key, head: head, in: node)
            if isFound {
                let record = node.record(index)
                try removeItem(offset, index)
                try pool.free(record)
                return true
            }
            if node.isLeaf { return false }
            offset = try childWithSpare(offset, index)
        }
        return false
    }

    /// Takes the item out of the subtree without freeing its record.
    private func removeItem(_ offset: UInt64, _ index: Int) throws {
        let node = pool.node(offset)
        if node.isLeaf {
            try pool.snapshot(node)
            node.closeItem(index)
            return try dropEmptyRoot(offset)
        }
        let (left, right) = (node.child(index), node.child(index + 1))
        if pool.node(left).count > PmemobjNode.minimum {
            let item = try removeLast(left)
            try replaceItem(node, index, with: item)
        } else if pool.node(right).count > PmemobjNode.minimum {
            let item = try removeFirst(right)
            try replaceItem(node, index, with: item)
        } else {
            try merge(offset, index)
            try removeItem(left, PmemobjNode.minimum)
        }
    }

    private func replaceItem(_ node: PmemobjNode, _ index: Int, with item: PmemobjItem) throws {
        try pool.snapshot(node)
        node.setItem(index, item)
    }

    private func removeLast(_ offset: UInt64) throws -> PmemobjItem {
        var offset = offset
        while !pool.node(offset).isLeaf { offset = try childWithSpare(offset, pool.node(offset).count) }
        let leaf = pool.node(offset)
        let item = leaf.item(leaf.count - 1)
        try pool.snapshot(leaf)
        leaf.closeItem(leaf.count - 1)
        return item
    }

    private func removeFirst(_ offset: UInt64) throws -> PmemobjItem {
        var offset = offset
        while !pool.node(offset).isLeaf { offset = try childWithSpare(offset, 0) }
        let leaf = pool.node(offset)
        let item = leaf.item(0)
        try pool.snapshot(leaf)
        leaf.closeItem(0)
        return item
    }

    /// The child at `index` with more than the minimum of items, or the node it was merged into.
    private func childWithSpare(_ offset: UInt64, _ index: Int) throws -> UInt64 {
        let node = pool.node(offset)
        let child = node.child(index)
        if pool.node(child).count > PmemobjNode.minimum { return child }
        if index > 0, pool.node(node.child(index - 1)).count > PmemobjNode.minimum {
            try rotateRight(node, index - 1)
            return child
        }
        if index < node.count, pool.node(node.child(index + 1)).count > PmemobjNode.minimum {
            try rotateLeft(node, index)
            return child
        }
        let first = index < node.count ? index : index - 1
        let merged = node.child(first)
        try merge(offset, first)
        return merged
    }

    /// The last item of the child before item `index` goes up, the item goes down to the child behind it.
    private func rotateRight(_ node: PmemobjNode, _ index: Int) throws {
        let (left, right) = (pool.node(node.child(index)), pool.node(node.child(index + 1)))
        try pool.snapshot(node)
        try pool.snapshot(left)
        try pool.snapshot(right)
        if !right.isLeaf {
            right.moveChildren(from: 0, by: 1, childCount: right.count + 1)
            right.setChild(0, left.child(left.count))
        }
        right.openItem(0)
        right.setItem(0, node.item(index))
        node.setItem(index, left.item(left.count - 1))
        left.count -= 1
    }

    private func rotateLeft(_ node: PmemobjNode, _ index: Int) throws {
        let (left, right) = (pool.node(node.child(index)), pool.node(node.child(index + 1)))
        try pool.snapshot(node)
        try pool.snapshot(left)
        try pool.snapshot(right)
        if !left.isLeaf {
            left.setChild(left.count + 1, right.child(0))
            right.moveChildren(from: 1, by: -1, childCount: right.count + 1)
        }
        left.setItem(left.count, node.item(index))
        left.count += 1
        node.setItem(index, right.item(0))
        right.closeItem(0)
    }

    /// Joins the children around item `index`, and the item, into the left one; both hold the minimum.
    private func merge(_ offset: UInt64, _ index: Int) throws {
        let node = pool.node(offset)
        let (leftOffset, rightOffset) = (node.child(index), node.child(index + 1))
        let (left, right) = (pool.node(leftOffset), pool.node(rightOffset))
        unsafe try pool.snapshot(left.address, left.isLeaf ? PmemobjNode.leafBytes : PmemobjNode.innerBytes)
        try pool.snapshot(node)
        let start = left.count
        left.setItem(start, node.item(index))
        for source in 0..<right.count { left.setItem(start + 1 + source, right.item(source)) }
        if !left.isLeaf {
            for source in 0...right.count { left.setChild(start + 1 + source, right.child(source)) }
        }
        left.count = start + 1 + right.count
        node.moveChildren(from: index + 2, by: -1, childCount: node.count + 1)
        node.closeItem(index)
        try pool.free(rightOffset)
        if node.count == 0 { try replaceRoot(offset, by: leftOffset) }
    }

    /// Only a root can lose its last item by a merge.
    private func replaceRoot(_ root: UInt64, by child: UInt64) throws {
        precondition(root == pool.rootNode)
        try pool.setRootNode(child)
        try pool.free(root)
    }

    private func dropEmptyRoot(_ offset: UInt64) throws {
        guard offset == pool.rootNode, pool.node(offset).count == 0 else { return }
        try pool.setRootNode(0)
        try pool.free(offset)
    }
}
