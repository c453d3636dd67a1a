internal import CPmem
internal import Glibc

/// A place between the pairs of one tree, for moving in both directions. Borrow it from a transaction.
///
/// The tree must not change while the cursor is used: a reader's never does, a writer's only through the transaction.
///
/// Records lie in the order in which they were written, not in the order of their keys: each is a cache miss of its
/// own. The cursor therefore fetches ahead, few records at first, so that a short scan fetches little in vain.
package struct TreeCursor<M: Medium> {
    package let space: NodeSpace<M>
    package let root: NodeReference
    /// The leaf that the cursor stands in; nil when it stands on no entry.
    private var leaf: NodePointer?
    private var index = 0
    /// The way to the leaf. Its last step is as the cursor came into the leaf.
    private var path = Path()
    private var ahead = FetchAhead()

    package init(space: NodeSpace<M>, root: NodeReference) {
        self.space = space
        self.root = root
    }

    /// True when the cursor stands on an entry.
    @inline(__always)
    package var isValid: Bool { leaf != nil }

    /// The reference of the entry that the cursor stands on. Only where ``isValid``.
    @inline(__always)
    package var reference: UInt64 { unsafe leaf.unsafelyUnwrapped.reference(index, at: space.commit) }

    // MARK: Seeks

    /// Stands on the first entry whose key is not less than `key`; invalid when there is none.
    package mutating func seek(atOrAfter key: KeyBytes) throws(StoreError) {
        ahead = FetchAhead()
        if space.verifiesRecords { try unsafe space.verifyTies(of: key, root: root) }
        _ = try unsafe space.locate(key, root: root, path: &path)
        enterLeaf()
        if let leaf, index == leaf.count { try leaveLeaf() }
    }

    /// Stands on the last entry whose key is less than `key`; invalid when there is none.
    package mutating func seek(before key: KeyBytes) throws(StoreError) {
        ahead = FetchAhead(isForward: false)
        if space.verifiesRecords { try unsafe space.verifyTies(of: key, root: root) }
        _ = try unsafe space.locate(key, root: root, path: &path)
        enterLeaf()
        if leaf == nil { return }
        if index > 0 { index -= 1 } else { try leaveLeaf() }
    }

    /// Stands on the first entry.
    package mutating func seekFirst() throws(StoreError) {
        ahead = FetchAhead()
        try seekEdge()
    }

    /// Stands on the last entry.
    package mutating func seekLast() throws(StoreError) {
        ahead = FetchAhead(isForward: false)
        try seekEdge()
    }

    private mutating func seekEdge() throws(StoreError) {
        path.depth = 0
        if !root.isNone { try descend(from: try space.node(root)) }
        enterLeaf()
    }

    // MARK: Moves

    /// Moves to the next entry; invalid behind the last. Only where ``isValid``.
    @inline(__always)
    package mutating func next() throws(StoreError) {
        if !ahead.isForward { ahead = FetchAhead() }
        let leaf = unsafe leaf.unsafelyUnwrapped
        if index + 1 < leaf.count {
            index += 1
            fetchAhead(in: leaf, entriesLeft: leaf.count - 1 - index)
        } else {
            try leaveLeaf()
        }
    }

    /// Moves to the previous entry; invalid before the first. Only where ``isValid``.
    @inline(__always)
    package mutating func previous() throws(StoreError) {
        if ahead.isForward { ahead = FetchAhead(isForward: false) }
        if index > 0 {
            index -= 1
            fetchAhead(in: unsafe leaf.unsafelyUnwrapped, entriesLeft: index)
        } else {
            try leaveLeaf()
        }
    }

    @inline(never)
    private mutating func leaveLeaf() throws(StoreError) {
        let isForward = ahead.isForward
        var level = path.depth - 2
        while level >= 0 {
            let step = path.steps[level]
            let index = isForward ? step.index + 1 : step.index - 1
            if index >= 0, index < step.pointer.count {
                path.steps[level].index = index
                path.depth = level + 1
                try descend(from: try space.child(index, of: step.pointer))
                enterLeaf()
                if let leaf { fetchAhead(in: leaf, entriesLeft: leaf.count - 1) }
                return
            }
            level -= 1
        }
        leaf = nil
    }

    /// Down to the first leaf entry, or to the last one.
    private mutating func descend(from top: NodePointer) throws(StoreError) {
        var node = top
        while !node.isLeaf {
            let index = ahead.isForward ? 0 : node.count - 1
            path.push(node, index)
            node = try space.child(index, of: node)
        }
        path.push(node, ahead.isForward ? 0 : node.count - 1)
    }

    /// The path's last step becomes the cursor's place.
    private mutating func enterLeaf() {
        ahead.sibling = nil
        leaf = path.depth > 0 ? path.leaf : nil
        index = path.depth > 0 ? path.leafIndex : 0
    }

    // MARK: Fetching ahead

    /// After a move by one entry: its record is no longer ahead. Now and then some more come on their way.
    @inline(__always)
    private mutating func fetchAhead(in leaf: NodePointer, entriesLeft left: Int) {
        ahead.fetched -= 1
        if ahead.fetched < ahead.least { fetchMore(in: leaf, entriesLeft: left) }
    }

    @inline(never)
    private mutating func fetchMore(in leaf: NodePointer, entriesLeft left: Int) {
        ahead.widen()
        let step = ahead.isForward ? 1 : -1
        while ahead.fetched < min(ahead.window, left) {
            ahead.fetched += 1
            unsafe space.prefetchRecord(cpm_load8(leaf.records + index + step * ahead.fetched))
        }
        if left <= FetchAhead.siblingDistance { fetchAcross(entriesLeft: left) }
    }

    /// What lies behind the end of this leaf: first the lines of the next leaf, later its records.
    private mutating func fetchAcross(entriesLeft left: Int) {
        guard let sibling = ahead.sibling else {
            ahead.sibling = findSibling()
            ahead.sibling?.prefetchReferences()
            return
        }
        let count = sibling.count
        while ahead.fetched < ahead.window, ahead.fetched - left < count {
            let entry = ahead.fetched - left
            let index = ahead.isForward ? entry : count - 1 - entry
            unsafe space.prefetchRecord(cpm_load8(sibling.records + index))
            ahead.fetched += 1
        }
    }

    /// The leaf that comes after this one, where the same node names it and it need not be verified first.
    private func findSibling() -> NodePointer? {
        guard path.depth > 1 else { return nil }
        let parent = path.steps[path.depth - 2]
        let index = ahead.isForward ? parent.index + 1 : parent.index - 1
        guard index >= 0, index < parent.pointer.count else { return nil }
        return space.nodeIfVerified(
            unsafe NodeReference(raw: cpm_load8_acquire(parent.pointer.children + index)))
    }
}

/// How far a cursor's fetching is ahead of the cursor itself.
private struct FetchAhead {
    var isForward = true
    /// Entries ahead whose records are on their way.
    var fetched = 0
    /// Entries ahead that may be.
    private(set) var window = 4
    /// More are fetched when fewer than these are.
    private(set) var least = 0
    /// The leaf behind this one, once it is near.
    var sibling: NodePointer?

    /// The next leaf is fetched when so many entries of this one are left.
    static var siblingDistance: Int { 32 }

    init(isForward: Bool = true) { self.isForward = isForward }

    /// The scan goes on: it may be a long one.
    mutating func widen() {
        fetched = max(fetched, 0)
        window = min(2 * window, 24)
        least = window * 2 / 3
    }
}

extension NodePointer {
    /// The lines of a leaf that a scan reads: not its heads.
    fileprivate func prefetchReferences() {
        unsafe cpm_prefetch(address)
        for line in NodeLayout.leafReferences >> 6..<16 { unsafe cpm_prefetch(address + 64 * line) }
    }
}
