internal import CPmem
internal import Glibc

/// Position of a key in a leaf: where it is, or where it would go.
package struct LeafPosition {
    package let index: Int
    package let isFound: Bool
}

/// What prefix and heads of a leaf tell about a key, before any record is read.
struct LeafBound {
    /// The first entry that is not less than the key, as far as the heads tell.
    let index: Int
    /// True when that entry has the key's head, so that only its record tells.
    let isTied: Bool
}

extension NodePointer {
    /// Fetches what a search in a leaf reads before it knows which reference it wants, all at once instead of one miss
    /// after the other.
    @inline(__always)
    func prefetchHeads() {
        for line in 0..<8 { unsafe cpm_prefetch(address + 64 * line) }
        unsafe cpm_prefetch(address + NodeLayout.leafPrefix)
    }

    /// Fetches all lines, those first that every search in a leaf reads: of heads and references it reads few, but only
    /// the search tells which.
    @inline(__always)
    func prefetchAll() {
        unsafe cpm_prefetch(address)
        unsafe cpm_prefetch(address + NodeLayout.leafPrefix)
        for line in 1..<15 { unsafe cpm_prefetch(address + 64 * line) }
    }

    /// As ``prefetchAll()``, in the levels that are too many nodes for the near caches; the others are near anyway.
    @inline(__always)
    func prefetch(level kind: UInt16) {
        if kind & NodeLayout.levelMask <= 1 { prefetchAll() }
    }

    /// The first 8 bytes of the heap; there are never fewer.
    @inline(__always)
    private var heapWord: UInt64 { unsafe UnsafeRawPointer(heap).loadUnaligned(as: UInt64.self) }

    /// Orders a key against the node's prefix: 0 when the key starts with it.
    @inline(__always)
    func comparePrefix(_ key: KeyBytes) -> Int {
        let length = prefixBytes
        if length <= 8, key.count >= 8, let start = key.baseAddress {
            let unused = UInt64(64 - 8 * length)
            let difference = unsafe (start.loadUnaligned(as: UInt64.self) ^ heapWord).byteSwapped >> unused
            if difference == 0 { return 0 }
            return unsafe memcmp(start, heap, length) < 0 ? -1 : 1
        }
        let shared = min(length, key.count)
        if shared > 0, let start = key.baseAddress {
            let order = unsafe memcmp(start, heap, shared)
            if order != 0 { return Int(order) }
        }
        return key.count < length ? -1 : 0
    }

    /// Number of heads below `head` among `count` heads from `first`.
    @inline(__always)
    func lowerBound(_ head: UInt64, from first: Int, count: Int) -> Int {
        unsafe Int(
            truncatingIfNeeded: cpm_count_below(heads + first, UInt64(truncatingIfNeeded: count), head))
    }

    /// What prefix and heads of a leaf tell about a key.
    @inline(__always)
    func bound(of key: KeyBytes) -> LeafBound {
        let count = count
        let prefix = prefixBytes
        if prefix != 0 {
            let order = unsafe comparePrefix(key)
            if order != 0 { return LeafBound(index: order < 0 ? 0 : count, isTied: false) }
        }
        let head = unsafe keyHead(key, after: prefix)
        let index = lowerBound(head, from: 0, count: count)
        return unsafe LeafBound(index: index, isTied: index < count && heads[index] == head)
    }

    /// The child of an inner node's entry.
    @inline(__always)
    func childReference(_ index: Int) -> NodeReference {
        unsafe NodeReference(raw: cpm_load8_acquire(children + index))
    }

    /// The entry of an inner node below which a key belongs.
    @inline(__always)
    package func childIndex(_ key: KeyBytes) -> Int {
        let last = count - 1
        let prefix = prefixBytes
        if prefix != 0 {
            let order = unsafe comparePrefix(key)
            if order < 0 { return 0 }
            if order > 0 { return last }
        }
        let head = unsafe keyHead(key, after: prefix)
        let index = lowerBound(head, from: 1, count: last)
        if unsafe index == last || heads[index + 1] != head { return index }
        return unsafe lastTied(index + 1, head: head, key: key)
    }

    /// Among separators from `first` that share the key's head, the last that is not greater than the key.
    @inline(never)
    private func lastTied(_ first: Int, head: UInt64, key: KeyBytes) -> Int {
        var index = first
        var place = separatorPlace(first)
        while index < count, unsafe heads[index] == head {
            if unsafe !isNotGreater(index, place: place, key: key) { break }
            place += separatorHeapBytes(index, place: place)
            index += 1
        }
        return index - 1
    }

    /// True when separator `index`, whose head equals the key's, is not greater than the key.
    private func isNotGreater(_ index: Int, place: Int, key: KeyBytes) -> Bool {
        let rest = key.count - prefixBytes
        let length = unsafe Int(separatorLengths[index])
        if length <= 8 { return rest >= length }
        if rest < 8 { return false }
        let tail = unsafe separatorTail(index, place: place)
        let keyTail = unsafe KeyBytes(rebasing: key[(prefixBytes + 8)...])
        return unsafe compareKeys(keyTail, tail) >= 0
    }
}

extension NodeSpace {
    /// Where a key is in a leaf, or would go.
    @inline(__always)
    package func position(of key: KeyBytes, in leaf: NodePointer) -> LeafPosition {
        let bound = unsafe leaf.bound(of: key)
        return unsafe position(of: key, in: leaf, bound: bound)
    }

    /// As ``position(of:in:)``, for whoever has the bound already.
    @inline(__always)
    func position(of key: KeyBytes, in leaf: NodePointer, bound: LeafBound) -> LeafPosition {
        let index = bound.index
        if !bound.isTied { return LeafPosition(index: index, isFound: false) }
        if leaf.isCatalog { return LeafPosition(index: index, isFound: true) }
        unsafe prefetchRecord(cpm_load8(leaf.records + index))
        let head = unsafe leaf.heads[index]
        if unsafe index + 1 == leaf.count || leaf.heads[index + 1] != head {
            let order = unsafe compareKeys(
                record(leaf.reference(index, at: commit)).key, key, from: min(leaf.prefixBytes + 8, key.count)
            )
            return LeafPosition(index: order < 0 ? index + 1 : index, isFound: order == 0)
        }
        return unsafe positionAmongTies(of: key, head: head, in: leaf, from: index)
    }

    /// Several keys share the head: a binary search that reads the records.
    @inline(never)
    private func positionAmongTies(
        of key: KeyBytes, head: UInt64, in leaf: NodePointer, from first: Int
    ) -> LeafPosition {
        var low = first
        var high = first
        while high < leaf.count, unsafe leaf.heads[high] == head { high += 1 }
        while low < high {
            let middle = (low + high) >> 1
            let order = unsafe compareKeys(record(leaf.reference(middle, at: commit)).key, key)
            if order == 0 { return LeafPosition(index: middle, isFound: true) }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return LeafPosition(index: low, isFound: false)
    }

    /// The leaf in which a key is or would be; nil in an empty tree.
    @inline(__always)
    package func leaf(for key: KeyBytes, root: NodeReference) throws(StoreError) -> NodePointer? {
        if root.isNone { return nil }
        var node = try self.node(root)
        var kind = node.kind
        while kind & NodeLayout.levelMask != 0 {
            kind &-= 1
            node = try unsafe child(node.childIndex(key), of: node, kind: kind)
            node.prefetch(level: kind)
        }
        return node
    }

    /// Fetches the lines of the node of a level on the way to a key, as far as the way there was verified before.
    func prefetchNode(_ key: KeyBytes, root: NodeReference, level: Int) {
        guard var node = nodeIfVerified(root) else { return }
        while node.level > level {
            let child = unsafe NodeReference(raw: cpm_load8(node.children + node.childIndex(key)))
            if node.level == level + 1 {
                nodeToFetch(child)?.prefetchAll()
                return
            }
            guard let next = nodeIfVerified(child), next.level < node.level else { return }
            node = next
        }
    }

    /// The reference that a key has in a tree; 0 when it is not there.
    @inline(__always)
    package func lookup(_ key: KeyBytes, root: NodeReference) throws(StoreError) -> UInt64 {
        guard let leaf = try unsafe leaf(for: key, root: root) else { return 0 }
        let position = unsafe position(of: key, in: leaf)
        return position.isFound ? leaf.reference(position.index, at: commit) : 0
    }

    /// The leaf in which a key is or would be, and the way there without its last step; nil in an empty tree.
    @inline(__always)
    private func descend(
        _ key: KeyBytes, root: NodeReference, path: inout Path
    ) throws(StoreError) -> NodePointer? {
        path.depth = 0
        path.isWhole = false
        path.isSought = false
        if root.isNone { return nil }
        var node = try self.node(root)
        var kind = node.kind
        while kind & NodeLayout.levelMask != 0 {
            kind &-= 1
            let index = unsafe node.childIndex(key)
            path.push(node, index)
            node = try child(index, of: node, kind: kind)
            node.prefetch(level: kind)
        }
        return node
    }

    /// Descends to a key and remembers the way. True when the key is there.
    ///
    /// - Parameter replaced: offset of the record that is known to hold the key, or 0. With it, no record is read:
    ///   replay names what it replaces so that it need not touch old records.
    @inline(__always)
    package func locate(
        _ key: KeyBytes, root: NodeReference, path: inout Path, replaced: UInt64 = 0
    ) throws(StoreError) -> Bool {
        guard let node = try unsafe descend(key, root: root, path: &path) else { return false }
        if replaced != 0 {
            let index = unsafe indexOfRecord(replaced, key: key, in: node)
            path.push(node, max(index, 0))
            return index >= 0
        }
        let position = unsafe position(of: key, in: node)
        path.push(node, position.index)
        return position.isFound
    }

    /// The first half of ``locate(_:root:path:replaced:)``: finds the leaf, and fetches what the second half and a
    /// copy of the leaf will read, so that the caller can do something else meanwhile.
    @inline(__always)
    package func approach(_ key: KeyBytes, root: NodeReference, path: inout Path) throws(StoreError) {
        path.isTied = false
        guard let node = try unsafe descend(key, root: root, path: &path) else { return }
        let bound = unsafe node.bound(of: key)
        path.push(node, bound.index)
        path.isTied = bound.isTied
        if bound.isTied { unsafe prefetchRecord(node.records[bound.index]) }
    }

    /// The second half: where in the leaf that was approached the key is, or goes.
    @inline(__always)
    package func settle(_ key: KeyBytes, path: inout Path) -> Bool {
        if path.depth == 0 || !path.isTied { return false }
        let bound = LeafBound(index: path.leafIndex, isTied: true)
        let position = unsafe position(of: key, in: path.leaf, bound: bound)
        path.leafIndex = position.index
        return position.isFound
    }

    /// The entry that names the record at an offset, among those whose head is the key's; -1 when there is none.
    private func indexOfRecord(_ offset: UInt64, key: KeyBytes, in leaf: NodePointer) -> Int {
        guard unsafe leaf.comparePrefix(key) == 0 else { return -1 }
        let head = unsafe keyHead(key, after: leaf.prefixBytes)
        var index = leaf.lowerBound(head, from: 0, count: leaf.count)
        while index < leaf.count, unsafe leaf.heads[index] == head {
            if unsafe RecordReference(raw: leaf.records[index]).offset == offset { return index }
            index += 1
        }
        return -1
    }
}
