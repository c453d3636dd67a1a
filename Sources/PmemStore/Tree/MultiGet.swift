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
        unsafe findInLeaves(keys, count: count)
        for index in 0..<count {
            let value = try unsafe space.value(references[index], of: keys[index], root: tree.reference)
            try unsafe body(index, value)
        }
    }

    /// Levels from which on nodes are so few that the near caches hold them.
    private static var nearLevel: Int { 2 }

    /// Below the near levels, all keys go down one level before any goes down the next: no child is looked at before
    /// all are under way.
    private func descend(_ keys: UnsafePointer<KeyBytes>, count: Int, root: NodeReference) throws(StoreError)
    {
        let top = try space.node(root)
        for index in 0..<count {
            var node = top
            while node.level > Self.nearLevel {
                node = try unsafe space.child(node.childIndex(keys[index]), of: node)
            }
            unsafe nodes[index] = unsafe UInt(bitPattern: node.address)
            if node.level > 0 { unsafe fetchChild(index, of: node, keys[index]) }
        }
        for _ in stride(from: min(top.level, Self.nearLevel) - 1, to: 0, by: -1) {
            for index in 0..<count { unsafe fetchChild(index, of: try enter(index), keys[index]) }
        }
        if top.level > 0 {
            for index in 0..<count { _ = try enter(index) }
        }
    }

    /// Finds the child below which a key belongs, and asks for it where it is a leaf. Inner nodes are near enough.
    @inline(__always)
    private func fetchChild(_ index: Int, of node: NodePointer, _ key: KeyBytes) {
        let child = unsafe node.childReference(node.childIndex(key))
        unsafe references[index] = child.raw
        if node.level == 1 { space.nodeToFetch(child)?.prefetchHeads() }
    }

    /// Goes down to the child that was asked for.
    @inline(__always)
    private func enter(_ index: Int) throws(StoreError) -> NodePointer {
        let node = pointer(index)
        let reference = unsafe NodeReference(raw: references[index])
        let child = try space.child(reference, below: node, kind: node.kind &- 1)
        unsafe nodes[index] = unsafe UInt(bitPattern: child.address)
        return child
    }

    /// Heads first: the record that most probably holds the key is on its way before any key is compared.
    private func findInLeaves(_ keys: UnsafePointer<KeyBytes>, count: Int) {
        for index in 0..<count {
            let leaf = pointer(index)
            let bound = unsafe leaf.bound(of: keys[index])
            unsafe references[index] = bound.isTied ? UInt64(bound.index) + 1 : 0
            if bound.isTied { unsafe cpm_prefetch(leaf.records + bound.index) }
        }
        for index in 0..<count where unsafe references[index] != 0 {
            unsafe space.prefetchRecord(cpm_load8(pointer(index).records + Int(references[index]) - 1))
        }
        for index in 0..<count where unsafe references[index] != 0 {
            let leaf = pointer(index)
            let bound = unsafe LeafBound(index: Int(references[index]) - 1, isTied: true)
            let position = unsafe space.position(of: keys[index], in: leaf, bound: bound)
            unsafe references[index] =
                position.isFound ? leaf.reference(position.index, at: space.commit) : 0
        }
    }

    @inline(__always)
    private func pointer(_ index: Int) -> NodePointer {
        unsafe NodePointer(UnsafeMutableRawPointer(bitPattern: nodes[index]).unsafelyUnwrapped)
    }
}
