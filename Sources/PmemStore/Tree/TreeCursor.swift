internal import CPmem
internal import Glibc

/// A place between the pairs of one tree, for moving in both directions. Borrow it from a transaction.
///
/// The tree must not change while the cursor is used: a reader's never does, a writer's only through the transaction.
package struct TreeCursor<M: Medium> {
    package let space: NodeSpace<M>
    package let root: NodeReference
    package var path = Path()

    package init(space: NodeSpace<M>, root: NodeReference) {
        self.space = space
        self.root = root
    }

    package func deallocate() { path.deallocate() }

    /// True when the cursor stands on an entry.
    @inline(__always)
    package var isValid: Bool { path.depth > 0 }

    /// The reference of the entry that the cursor stands on.
    @inline(__always)
    package var reference: UInt64 { unsafe path.leaf.records[path.leafIndex] }

    /// Stands on the first entry whose key is not less than `key`; invalid when there is none.
    package mutating func seek(atOrAfter key: KeyBytes) throws(StoreError) {
        _ = try unsafe space.locate(key, root: root, path: &path)
        if path.depth > 0, path.leafIndex == path.leaf.count {
            path.leafIndex -= 1
            try next()
        }
    }

    /// Stands on the last entry whose key is less than `key`; invalid when there is none.
    package mutating func seek(before key: KeyBytes) throws(StoreError) {
        _ = try unsafe space.locate(key, root: root, path: &path)
        if path.depth > 0 { try previous() }
    }

    /// Stands on the first entry.
    package mutating func seekFirst() throws(StoreError) {
        path.depth = 0
        if !root.isNone { try descend(root, toLast: false) }
    }

    /// Stands on the last entry.
    package mutating func seekLast() throws(StoreError) {
        path.depth = 0
        if !root.isNone { try descend(root, toLast: true) }
    }

    /// Moves to the next entry; invalid behind the last.
    @inline(__always)
    package mutating func next() throws(StoreError) {
        let index = path.leafIndex + 1
        if index < path.leaf.count {
            path.leafIndex = index
            prefetchAhead(of: index)
            return
        }
        try leaveLeaf(forward: true)
    }

    /// Moves to the previous entry; invalid before the first.
    @inline(__always)
    package mutating func previous() throws(StoreError) {
        let index = path.leafIndex
        if index > 0 {
            path.leafIndex = index - 1
            prefetchBehind(of: index - 1)
            return
        }
        try leaveLeaf(forward: false)
    }

    /// Records that the cursor will come to soon: their lines are fetched while others are read.
    private static var ahead: Int { 16 }

    @inline(__always)
    private func prefetchAhead(of index: Int) {
        let leaf = path.leaf
        let later = index + Self.ahead
        if later < leaf.count { unsafe space.prefetchRecord(leaf.records[later]) }
    }

    @inline(__always)
    private func prefetchBehind(of index: Int) {
        if index >= Self.ahead { unsafe space.prefetchRecord(path.leaf.records[index - Self.ahead]) }
    }

    @inline(never)
    private mutating func leaveLeaf(forward: Bool) throws(StoreError) {
        var level = path.depth - 2
        while level >= 0 {
            let step = unsafe path.steps[level]
            let index = forward ? step.index + 1 : step.index - 1
            if index >= 0, index < step.pointer.count {
                unsafe path.steps[level].index = index
                path.depth = level + 1
                let child = unsafe NodeReference(raw: cpm_load8(step.pointer.children + index))
                try descend(child, toLast: !forward)
                return
            }
            level -= 1
        }
        path.depth = 0
    }

    private mutating func descend(_ reference: NodeReference, toLast: Bool) throws(StoreError) {
        var node = try space.node(reference)
        while !node.isLeaf {
            let index = toLast ? node.count - 1 : 0
            path.push(node, index)
            node = try unsafe space.node(NodeReference(raw: cpm_load8(node.children + index)))
        }
        path.push(node, toLast ? node.count - 1 : 0)
        prefetchLeafStart(node, toLast: toLast)
        prefetchSibling(toLast: toLast)
    }

    /// The first records of a leaf, which no earlier step of the cursor has fetched.
    private func prefetchLeafStart(_ leaf: NodePointer, toLast: Bool) {
        if toLast {
            for index in stride(from: leaf.count - 1, through: max(0, leaf.count - Self.ahead), by: -1) {
                unsafe space.prefetchRecord(leaf.records[index])
            }
        } else {
            for index in 0..<min(leaf.count, Self.ahead) { unsafe space.prefetchRecord(leaf.records[index]) }
        }
    }

    /// The leaf that comes after this one.
    private func prefetchSibling(toLast: Bool) {
        guard path.depth > 1 else { return }
        let parent = unsafe path.steps[path.depth - 2]
        let index = toLast ? parent.index - 1 : parent.index + 1
        guard index >= 0, index < parent.pointer.count else { return }
        let child = unsafe NodeReference(raw: cpm_load8(parent.pointer.children + index))
        if child.isResident {
            let address = unsafe NodePointer(resident: child).address
            for line in 0..<16 { unsafe cpm_prefetch(address + 64 * line) }
        } else {
            let address = unsafe space.medium.base + Int(child.offset)
            for line in 0..<16 { unsafe cpm_prefetch(address + 64 * line) }
        }
    }
}
