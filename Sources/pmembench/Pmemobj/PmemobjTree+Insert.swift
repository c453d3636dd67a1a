extension PmemobjTree {
    /// Puts a pair, inside a transaction. Full nodes are split on the way down, so that no split climbs back.
    func put(_ key: RawSpan, _ value: RawSpan) throws {
        let head = PmemobjRecord.head(key)
        var offset = try rootWithRoom()
        while true {
            let node = pool.node(offset)
            var (index, isFound) = position(of: key, head: head, in: node)
            if isFound { return try update(node, index, key, value) }
            if node.isLeaf { return try insert(node, index, head, key, value) }
            if pool.node(node.child(index)).isFull {
                try splitChild(node, index)
                (index, isFound) = position(of: key, head: head, in: node)
                if isFound { return try update(node, index, key, value) }
            }
            offset = node.child(index)
        }
    }

    private func insert(
        _ leaf: PmemobjNode, _ index: Int, _ head: UInt64, _ key: RawSpan, _ value: RawSpan
    ) throws {
        let record = try pool.makeRecord(key, value)
        try pool.snapshot(leaf)
        leaf.openItem(index)
        leaf.setItem(index, PmemobjItem(head: head, record: record))
    }

    /// A value of the same length is written over its snapshot; another one takes the place of the whole record.
    private func update(_ node: PmemobjNode, _ index: Int, _ key: RawSpan, _ value: RawSpan) throws {
        let record = pool.record(node.record(index))
        if record.valueBytes == value.byteCount {
            if value.byteCount == 0 { return }
            unsafe try pool.snapshot(record.valueAddress, value.byteCount)
            record.writeValue(value)
            return
        }
        let old = node.item(index)
        let replacement = try pool.makeRecord(key, value)
        unsafe try pool.snapshot(node.recordAddress(index), 8)
        node.setItem(index, PmemobjItem(head: old.head, record: replacement))
        try pool.free(old.record)
    }

    private func rootWithRoom() throws -> UInt64 {
        let root = pool.rootNode
        if root == 0 {
            let leaf = try pool.makeNode(isLeaf: true)
            try pool.setRootNode(leaf)
            return leaf
        }
        guard pool.node(root).isFull else { return root }
        let above = try pool.makeNode(isLeaf: false)
        pool.node(above).setChild(0, root)
        try splitChild(pool.node(above), 0)
        try pool.setRootNode(above)
        return above
    }

    /// Splits the full child at `index`; its middle item moves up into `parent`, which has room.
    private func splitChild(_ parent: PmemobjNode, _ index: Int) throws {
        let left = pool.node(parent.child(index))
        let offset = try pool.makeNode(isLeaf: left.isLeaf)
        let right = pool.node(offset)
        let middle = PmemobjNode.minimum
        for source in middle + 1..<PmemobjNode.capacity {
            right.setItem(source - middle - 1, left.item(source))
        }
        if !left.isLeaf {
            for source in middle + 1...PmemobjNode.capacity {
                right.setChild(source - middle - 1, left.child(source))
            }
        }
        right.count = PmemobjNode.capacity - middle - 1
        unsafe try pool.snapshot(left.address, 8)
        left.count = middle
        try pool.snapshot(parent)
        parent.moveChildren(from: index + 1, by: 1, childCount: parent.count + 1)
        parent.setChild(index + 1, offset)
        parent.openItem(index)
        parent.setItem(index, left.item(middle))
    }
}
