internal import CPmem

/// Looks up many keys at once: the cache misses of a group of keys overlap instead of following one another.
@safe package struct MultiGet<M: Medium> {
    /// Keys whose misses overlap. More than the processor has line fill buffers for brings nothing.
    package static var groupSize: Int { 16 }

    private let space: NodeSpace<M>
    private let nodes: UnsafeMutablePointer<UInt>
    private let references: UnsafeMutablePointer<UInt64>

    package init(space: NodeSpace<M>) {
        self.space = space
        unsafe nodes = .allocate(capacity: Self.groupSize)
        unsafe references = .allocate(capacity: Self.groupSize)
    }

    package func deallocate() {
        unsafe nodes.deallocate()
        unsafe references.deallocate()
    }

    /// Looks up `count` keys from `first` on, a group at most; `body` gets each index and the value or nil.
    package func look(
        _ keys: UnsafePointer<KeyBytes>, count: Int, tree: TreeState,
        _ body: (Int, UnsafeRawBufferPointer?) throws -> Void
    ) throws {
        if tree.root == 0 {
            for index in 0..<count { try body(index, nil) }
            return
        }
        try unsafe descend(keys, count: count, root: tree.reference)
        try unsafe findInLeaves(keys, count: count)
        for index in 0..<count {
            let reference = unsafe references[index]
            if reference == 0, space.verifiesRecords {
                try unsafe space.verifyTies(of: keys[index], root: tree.reference)
            }
            try unsafe body(index, reference == 0 ? nil : try space.value(reference))
        }
    }

    /// All keys go down one level before any goes down the next: no child is looked at before all are under way.
    private func descend(_ keys: UnsafePointer<KeyBytes>, count: Int, root: NodeReference) throws(StoreError)
    {
        let top = try space.node(root)
        for index in 0..<count { unsafe nodes[index] = unsafe UInt(bitPattern: top.address) }
        for level in stride(from: top.level - 1, through: 0, by: -1) {
            for index in 0..<count {
                let node = pointer(index)
                let child = unsafe node.childReference(node.childIndex(keys[index]))
                if let node = space.nodeToFetch(child) {
                    if level == 0 { node.prefetchHeads() } else { node.prefetchAll() }
                }
                unsafe references[index] = child.raw
            }
            for index in 0..<count {
                let node = pointer(index)
                let child = try unsafe space.child(
                    NodeReference(raw: references[index]), below: node, kind: node.kind &- 1)
                unsafe nodes[index] = unsafe UInt(bitPattern: child.address)
            }
        }
    }

    /// Heads first: the record that most probably holds the key is on its way before any key is compared.
    private func findInLeaves(_ keys: UnsafePointer<KeyBytes>, count: Int) throws(StoreError) {
        for index in 0..<count {
            let leaf = pointer(index)
            let head = unsafe keyHead(keys[index], after: leaf.prefixBytes)
            let entry = leaf.lowerBound(head, from: 0, count: leaf.count)
            unsafe references[index] = 0
            if entry < leaf.count {
                unsafe cpm_prefetch(leaf.records + entry)
                unsafe references[index] = UInt64(entry) + 1
            }
        }
        for index in 0..<count where unsafe references[index] != 0 {
            unsafe space.prefetchRecord(cpm_load8(pointer(index).records + Int(references[index]) - 1))
        }
        for index in 0..<count where unsafe references[index] != 0 {
            let leaf = pointer(index)
            let position = unsafe space.position(of: keys[index], in: leaf)
            unsafe references[index] =
                position.isFound ? leaf.reference(position.index, at: space.commit) : 0
        }
    }

    @inline(__always)
    private func pointer(_ index: Int) -> NodePointer {
        unsafe NodePointer(UnsafeMutableRawPointer(bitPattern: nodes[index]).unsafelyUnwrapped)
    }
}
