internal import CPmem
internal import Glibc

/// Copies nodes before they are changed, and remembers which copies were made and which nodes they replace.
///
/// Belongs to whoever holds the write gate. A node whose stamp is the current one was made by this transaction since
/// its innermost savepoint and may change in place; every other node is copied first (invariant 1).
package struct TreeWriter<M: Medium>: ~Copyable {
    package let space: NodeSpace<M>
    package var pool: NodePool
    /// Stamp of nodes that may change in place; 0 is the stamp of nodes on the medium.
    package private(set) var stamp: UInt64 = 1
    /// Addresses of the nodes made by the open transaction.
    package private(set) var created = WordList(capacity: 1024)
    /// References of the nodes that the open transaction replaced or dropped.
    package private(set) var replaced = WordList(capacity: 1024)
    package var path = Path()
    /// The commit under way while its last change may be made by ``place(_:)``; else 0.
    var placing: UInt64 = 0
    var newestPin: UInt64 = 0
    var oldPin: UInt64 = 0
    var placement = LeafPlacement()

    package init(space: NodeSpace<M>, pool: consuming NodePool) {
        self.space = space
        self.pool = pool
    }

    deinit {
        created.deallocate()
        replaced.deallocate()
    }

    /// From here on nothing that exists changes in place. At the begin of a transaction and of a savepoint.
    @inline(__always)
    package mutating func protect() {
        stamp &+= 1
        path.isWhole = false
        path.isSought = false
    }

    /// Forgets the lists after a commit has taken over what they name.
    @inline(__always)
    package mutating func forget() {
        created.truncate(to: 0)
        replaced.truncate(to: 0)
        placement = LeafPlacement()
    }

    /// Gives back the nodes made since a savepoint (or, with 0 and 0, since the begin of the transaction).
    package mutating func rollBack(created createdCount: Int, replaced replacedCount: Int) {
        if placement.reference != 0 { withdrawPlacement() }
        for index in createdCount..<created.count where !Self.node(created[index]).isPlaced {
            pool.release(Self.node(created[index]))
        }
        created.truncate(to: createdCount)
        replaced.truncate(to: replacedCount)
        protect()
    }

    @inline(__always)
    package static func node(_ word: UInt64) -> NodePointer {
        NodePointer(resident: NodeReference(raw: word))
    }

    // MARK: Copies

    /// A new node of the open transaction, header set, without entries.
    @inline(__always)
    mutating func makeNode(level: Int, isCatalog: Bool, byteCount: Int = NodeLayout.byteCount) -> NodePointer
    {
        let node = pool.allocate(byteCount)
        unsafe memset(node.address, 0, byteCount)
        unsafe node.header.pointee.magic = UInt16(CPM_NODE_MAGIC)
        unsafe node.header.pointee.level = UInt8(level)
        unsafe node.header.pointee.flags = isCatalog ? UInt8(CPM_NODE_CATALOG) : 0
        unsafe node.header.pointee.lines = UInt16(byteCount >> 6)
        unsafe node.header.pointee.stamp = stamp
        created.append(NodeReference(node).raw)
        return node
    }

    /// The node itself when it may change in place, else a copy that may.
    @inline(__always)
    mutating func writable(_ node: NodePointer) -> NodePointer {
        if mayChange(node) { return node }
        // A page that is gone reads as zeros: what they say must not size a copy.
        let bytes = max(node.byteCount, NodeLayout.byteCount)
        let copy = pool.allocate(bytes)
        if node.isLeaf, node.count <= NodeLayout.leafCapacity / 4 {
            copy.copyLeaf(node)
        } else {
            unsafe memcpy(copy.address, node.address, bytes)
        }
        unsafe copy.header.pointee.lines = UInt16(bytes >> 6)
        adopt(copy, insteadOf: node)
        return copy
    }

    /// True for nodes that the transaction has made since its innermost savepoint.
    @inline(__always)
    func mayChange(_ node: NodePointer) -> Bool { unsafe node.header.pointee.stamp == stamp }

    /// True for nodes that are read in place.
    @inline(__always)
    func isOnMedium(_ node: NodePointer) -> Bool { unsafe node.header.pointee.stamp == 0 }

    /// A copy becomes part of the transaction, and what it was made of is replaced.
    @inline(__always)
    mutating func adopt(_ copy: NodePointer, insteadOf node: NodePointer) {
        unsafe copy.header.pointee.stamp = stamp
        unsafe copy.header.pointee.place = 0
        unsafe copy.header.pointee.born = 0
        copy.clearPlaced()
        created.append(NodeReference(copy).raw)
        replaced.append(reference(of: node))
    }

    /// A node is no longer part of the tree.
    mutating func drop(_ node: NodePointer) {
        if unsafe node.header.pointee.stamp == stamp {
            unsafe node.header.pointee.flags |= NodeLayout.droppedFlag
        } else {
            replaced.append(reference(of: node))
        }
    }

    /// The reference under which a node can be retired: its address, or its place for a node read in place.
    @inline(__always)
    private func reference(of node: NodePointer) -> UInt64 {
        let fields = unsafe node.header
        if unsafe fields.pointee.stamp != 0 { return NodeReference(node).raw }
        return unsafe NodeReference(offset: fields.pointee.place, checksum: fields.pointee.checksum).raw
    }

    /// Makes every node of the path writable, from the root down.
    ///
    /// - Throws: when a copy was made of what the medium does not hold any more. It is not to be changed then.
    @inline(__always)
    mutating func makePathWritable(_ tree: inout TreeState) throws(StoreError) {
        try makeWritable(levels: 0..<path.depth, tree: &tree)
    }

    /// As ``makePathWritable(_:)``, for some levels of the path.
    @inline(__always)
    mutating func makeWritable(levels: Range<Int>, tree: inout TreeState) throws(StoreError) {
        var isFromMedium = false
        for level in levels {
            let node = path.steps[level].pointer
            let copy = writable(node)
            if copy == node { continue }
            if isOnMedium(node) { isFromMedium = true }
            setOnPath(copy, at: level, tree: &tree)
        }
        if isFromMedium { try space.medium.requireWhole() }
    }

    /// A node takes the place of the one at a level of the path.
    @inline(__always)
    mutating func setOnPath(_ node: NodePointer, at level: Int, tree: inout TreeState) {
        path.steps[level].node = unsafe UInt(bitPattern: node.address)
        setChild(node, above: level, tree: &tree)
    }

    /// Enters a node that has taken another's place on the path into its parent, or as the root.
    @inline(__always)
    func setChild(_ node: NodePointer, above level: Int, tree: inout TreeState) {
        let raw = NodeReference(node).raw
        if level == 0 {
            tree.root = raw
        } else {
            let parent = path.steps[level - 1]
            unsafe parent.pointer.children[parent.index] = raw
        }
    }

    /// Puts `node` at a level of the path in place of the one there, which is dropped.
    mutating func replaceOnPath(_ level: Int, with node: NodePointer, tree: inout TreeState) {
        drop(path.steps[level].pointer)
        setOnPath(node, at: level, tree: &tree)
    }

    /// Writes the number of pairs into the root, which the path has just made writable.
    @inline(__always)
    func storePairs(_ tree: TreeState) {
        if tree.root != 0 { unsafe Self.node(tree.root).header.pointee.pairs = tree.pairs }
    }
}

extension NodePointer {
    /// Copies a leaf of few entries, such as the catalog of a store of few tables, without its unused parts.
    @inline(__always)
    func copyLeaf(_ other: NodePointer) {
        copyFrame(other)
        unsafe memcpy(heads, other.heads, 8 * count)
        unsafe memcpy(records, other.records, 8 * count)
    }

    /// Copies a leaf that is not full and enters a new entry on the way: nothing is moved twice.
    @inline(__always)
    func copyLeaf(_ other: NodePointer, inserting head: UInt64, _ reference: UInt64, at index: Int) {
        copyFrame(other)
        let behind = 8 * (count - index)
        unsafe memcpy(heads, other.heads, 8 * index)
        unsafe heads[index] = head
        unsafe memcpy(heads + index + 1, other.heads + index, behind)
        unsafe memcpy(records, other.records, 8 * index)
        unsafe records[index] = reference
        unsafe memcpy(records + index + 1, other.records + index, behind)
        count += 1
    }

    /// Header and prefix.
    @inline(__always)
    private func copyFrame(_ other: NodePointer) {
        unsafe memcpy(address, other.address, NodeLayout.headerBytes)
        unsafe memcpy(
            address + NodeLayout.leafPrefix, other.address + NodeLayout.leafPrefix, NodeLayout.leafPrefixLimit
        )
    }
}

extension NodeLayout {
    /// DRAM only: the transaction that made the node has dropped it again.
    package static let droppedFlag: UInt8 = 0x80
}
