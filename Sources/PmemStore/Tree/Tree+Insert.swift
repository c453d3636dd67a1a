internal import CPmem
internal import Glibc

extension TreeWriter {
    /// As ``NodeSpace/approach(_:root:path:)``; a key behind all others finds its place where the last one went.
    @inline(__always)
    package mutating func approach(_ key: KeyBytes, in tree: TreeState) throws(StoreError) {
        let isSought = path.isSought
        path.isSought = false
        if isSought, unsafe isAt(key) { return }
        if path.isWhole, unsafe isBehindAll(key, in: tree) {
            path.leafIndex = path.leaf.count
            path.isTied = false
            return
        }
        try unsafe space.approach(key, root: tree.reference, path: &path)
        path.isWhole = true
    }

    /// True when the path, which leads to a key that was found, leads to this one.
    private mutating func isAt(_ key: KeyBytes) -> Bool {
        let reference = unsafe path.leaf.records[path.leafIndex]
        return unsafe compareKeys(space.record(reference).key, key) == 0
    }

    /// The reference of a key; 0 when it is not there. The way to it is kept for whoever changes it next.
    package mutating func find(_ key: KeyBytes, in tree: TreeState) throws(StoreError) -> UInt64 {
        try unsafe approach(key, in: tree)
        guard unsafe space.settle(key, path: &path) else { return 0 }
        path.isSought = true
        return unsafe path.leaf.records[path.leafIndex]
    }

    /// True when the path leads to the last leaf of the tree, and the heads tell that the key goes behind its entries.
    private mutating func isBehindAll(_ key: KeyBytes, in tree: TreeState) -> Bool {
        guard path.depth > 0, UInt64(path.step(0).node) == tree.root, isRightmost() else { return false }
        let leaf = path.leaf
        guard mayChange(leaf), leaf.count > 0, unsafe leaf.comparePrefix(key) == 0 else { return false }
        return unsafe keyHead(key, after: leaf.prefixBytes) > leaf.heads[leaf.count - 1]
    }

    /// Puts a reference at the located entry in place of the one there, and returns that one.
    @inline(__always)
    package mutating func replace(_ reference: UInt64, tree: inout TreeState) throws(StoreError) -> UInt64 {
        let index = path.leafIndex
        let before = unsafe path.leaf.records[index]
        if mayChangeEntry() {
            changeEntry(reference)
        } else if mayPlace() {
            let copy = pool.allocate(NodeLayout.byteCount)
            unsafe memcpy(copy.address, path.leaf.address, NodeLayout.byteCount)
            unsafe copy.records[index] = reference
            try place(copy)
        } else {
            try makePathWritable(&tree)
            unsafe path.leaf.records[index] = reference
            storePairs(tree)
        }
        return before
    }

    /// Inserts a key that ``NodeSpace/locate(_:root:path:replaced:)`` did not find, at the place it found.
    @inline(__always)
    package mutating func insert(_ key: KeyBytes, _ reference: UInt64, tree: inout TreeState)
        throws(StoreError)
    {
        if tree.root == 0 {
            unsafe makeFirstLeaf(key, reference, tree: &tree)
            return
        }
        let last = path.depth - 1
        let leaf = path.leaf
        let isCopied =
            unsafe !mayChange(leaf) && leaf.count < NodeLayout.leafCapacity && leaf.comparePrefix(key) == 0
        if isCopied && mayPlaceAnother() {
            try unsafe place(copy(of: leaf, inserting: key, reference))
            tree.pairs += 1
            countPlaced(tree)
            return
        }
        try makeWritable(levels: 0..<last, tree: &tree)
        if isCopied {
            let copy = unsafe copy(of: leaf, inserting: key, reference)
            adopt(copy, insteadOf: leaf)
            setOnPath(copy, at: last, tree: &tree)
            if isOnMedium(leaf) { try space.medium.requireWhole() }
        } else {
            try makeWritable(levels: last..<path.depth, tree: &tree)
            try unsafe insertInPlace(key, reference, tree: &tree)
        }
        if !tree.isCatalog { tree.pairs += 1 }
        storePairs(tree)
    }

    /// A copy of the path's leaf with one more entry, not yet part of anything.
    @inline(__always)
    private mutating func copy(
        of leaf: NodePointer, inserting key: KeyBytes, _ reference: UInt64
    ) -> NodePointer {
        let copy = pool.allocate(NodeLayout.byteCount)
        unsafe copy.copyLeaf(
            leaf, inserting: keyHead(key, after: leaf.prefixBytes), reference, at: path.leafIndex)
        return copy
    }

    /// As ``insert(_:_:tree:)``, into a leaf that may change in place.
    @inline(never)
    private mutating func insertInPlace(_ key: KeyBytes, _ reference: UInt64, tree: inout TreeState)
        throws(StoreError)
    {
        let leaf = path.leaf
        if unsafe leaf.comparePrefix(key) != 0 { unsafe shortenPrefix(of: leaf, for: key) }
        if leaf.count < NodeLayout.leafCapacity {
            unsafe leaf.insertEntry(keyHead(key, after: leaf.prefixBytes), reference, at: path.leafIndex)
        } else {
            try unsafe splitLeaf(leaf, inserting: key, reference, tree: &tree)
        }
    }

    private mutating func makeFirstLeaf(_ key: KeyBytes, _ reference: UInt64, tree: inout TreeState) {
        let leaf = makeNode(level: 0, isCatalog: tree.isCatalog)
        unsafe leaf.insertEntry(keyHead(key, after: 0), reference, at: 0)
        tree.root = NodeReference(leaf).raw
        tree.pairs = tree.isCatalog ? 0 : 1
        storePairs(tree)
    }

    // MARK: Leaves

    /// Shortens a leaf's prefix to what it shares with a key. Needs no record: the bytes are in prefix and heads.
    private mutating func shortenPrefix(of leaf: NodePointer, for key: KeyBytes) {
        unsafe leaf.shortenPrefix(to: sharedPrefix(leaf.prefix, key))
        path.leafIndex = unsafe space.position(of: key, in: leaf).index
    }

    /// Splits a full leaf and inserts a key in the half where it belongs.
    private mutating func splitLeaf(
        _ leaf: NodePointer, inserting key: KeyBytes, _ reference: UInt64, tree: inout TreeState
    ) throws(StoreError) {
        let index = path.leafIndex
        // Keys that arrive in order fill the last leaf to the brim instead of leaving it half full.
        let isAppend = index == leaf.count && isRightmost()
        let keep = isAppend ? leaf.count : leaf.count / 2
        let right = makeNode(level: 0, isCatalog: leaf.isCatalog)
        right.takeEntries(of: leaf, from: keep)
        let goesRight = isAppend || index > keep
        let target = goesRight ? right : leaf
        unsafe target.insertEntry(
            keyHead(key, after: target.prefixBytes), reference, at: goesRight ? index - keep : index)
        let separator = try unsafe separatorBetween(leaf, right, newKey: key, newReference: reference)
        if !leaf.isCatalog {
            try unsafe lengthenPrefix(of: leaf, newKey: key, newReference: reference)
            try unsafe lengthenPrefix(of: right, newKey: key, newReference: reference)
            if isAppend { unsafe right.takePrefix(of: leaf, onlyKey: key) }
        }
        try insertIntoParent(above: path.depth - 1, separator: separator, child: right, tree: &tree)
    }

    /// True when every step of the path took the last entry.
    private mutating func isRightmost() -> Bool {
        for level in 0..<(path.depth - 1) {
            let step = path.step(level)
            if step.index != step.pointer.count - 1 { return false }
        }
        return true
    }

    /// The shortest key that is greater than all of `left` and not greater than any of `right`.
    private func separatorBetween(
        _ left: NodePointer, _ right: NodePointer, newKey: KeyBytes, newReference: UInt64
    ) throws(StoreError) -> [UInt8] {
        let last = unsafe left.heads[left.count - 1]
        let first = unsafe right.heads[0]
        if last != first {
            let shared = (last ^ first).leadingZeroBitCount / 8
            var bytes = unsafe [UInt8](right.prefix)
            for byte in 0...shared { bytes.append(UInt8(truncatingIfNeeded: first >> UInt64(56 - 8 * byte))) }
            return bytes
        }
        let leftKey = unsafe key(left.records[left.count - 1], newKey, newReference)
        let rightKey = unsafe key(right.records[0], newKey, newReference)
        let shared = unsafe sharedPrefix(leftKey, rightKey)
        guard shared < rightKey.count else { throw unsafe disordered(right.records[0]) }
        return unsafe [UInt8](rightKey[0...shared])
    }

    /// The key of an entry. The new record may still be on its way to the medium: its key comes from the caller.
    @inline(__always)
    private func key(_ reference: UInt64, _ newKey: KeyBytes, _ newReference: UInt64) -> KeyBytes {
        unsafe reference == newReference ? newKey : space.record(reference).key
    }

    /// Takes bytes that all keys of a leaf share out of its heads, once these no longer tell the keys well apart.
    private func lengthenPrefix(
        of leaf: NodePointer, newKey: KeyBytes, newReference: UInt64
    ) throws(StoreError) {
        guard leaf.count > 1, unsafe (leaf.heads[0] ^ leaf.heads[leaf.count - 1]).leadingZeroBitCount >= 32
        else { return }
        let first = unsafe key(leaf.records[0], newKey, newReference)
        let last = unsafe key(leaf.records[leaf.count - 1], newKey, newReference)
        let length = unsafe sharedPrefix(first, last, limit: NodeLayout.leafPrefixLimit)
        guard length > leaf.prefixBytes else { return }
        var before: UInt64 = 0
        for index in 0..<leaf.count {
            let head = unsafe keyHead(key(leaf.records[index], newKey, newReference), after: length)
            guard head >= before else { throw unsafe disordered(leaf.records[index]) }
            unsafe leaf.heads[index] = head
            before = head
        }
        if let start = first.baseAddress { unsafe memcpy(leaf.heap, start, length) }
        unsafe leaf.header.pointee.prefixBytes = UInt16(length)
    }

    @inline(never)
    private func disordered(_ reference: UInt64) -> StoreError {
        .corrupted(
            .init(
                .record, offset: RecordReference(raw: reference).offset,
                detail: "its key is out of order in its leaf"))
    }

    // MARK: Inner nodes

    /// Enters a new right neighbour of the node at `level` of the path into the parent, splitting upward as needed.
    private mutating func insertIntoParent(
        above level: Int, separator: [UInt8], child: NodePointer, tree: inout TreeState
    ) throws(StoreError) {
        path.isWhole = false
        if level == 0 {
            growRoot(separator: separator, right: child, tree: &tree)
            return
        }
        let parent = path.steps[level - 1].pointer
        let index = path.steps[level - 1].index + 1
        let raw = NodeReference(child).raw
        let done = unsafe separator.withUnsafeBytes {
            unsafe parent.insertSeparatorInPlace($0, child: raw, at: index)
        }
        if done { return }
        var entries = parent.separatorEntries()
        let isAppend = index == entries.count
        entries.insert(SeparatorEntry(separator: separator, child: raw), at: index)
        try rebuild(parent, entries: entries, isAppend: isAppend, above: level - 1, tree: &tree)
    }

    /// Puts one node, or two where one is not enough, in place of an inner node of the path.
    private mutating func rebuild(
        _ node: NodePointer, entries: [SeparatorEntry], isAppend: Bool, above level: Int,
        tree: inout TreeState
    ) throws(StoreError) {
        let prefix = SeparatorEntry.sharedPrefix(entries[...])
        let bytes = SeparatorEntry.nodeBytes(entries[...], prefix: prefix)
        let isTooLarge = bytes > NodeLayout.preferredInnerBytes && entries.count >= 8
        if entries.count <= NodeLayout.innerCapacity && !isTooLarge {
            let fresh = makeInner(entries[...], like: node)
            replaceOnPath(level, with: fresh, tree: &tree)
            return
        }
        let keep = isAppend ? entries.count - 2 : entries.count / 2
        let left = makeInner(entries[..<keep], like: node)
        let right = makeInner(entries[keep...], like: node)
        let separator = entries[keep].separator
        replaceOnPath(level, with: left, tree: &tree)
        try insertIntoParent(above: level, separator: separator, child: right, tree: &tree)
    }

    mutating func makeInner(_ entries: ArraySlice<SeparatorEntry>, like node: NodePointer) -> NodePointer {
        let prefix = SeparatorEntry.sharedPrefix(entries)
        let bytes = SeparatorEntry.nodeBytes(entries, prefix: prefix)
        let fresh = makeNode(level: node.level, isCatalog: node.isCatalog, byteCount: bytes)
        fresh.fill(entries, prefix: prefix)
        return fresh
    }

    private mutating func growRoot(separator: [UInt8], right: NodePointer, tree: inout TreeState) {
        let left = path.steps[0].pointer
        let root = makeNode(level: left.level + 1, isCatalog: tree.isCatalog)
        let entries = [
            SeparatorEntry(separator: [], child: NodeReference(left).raw),
            SeparatorEntry(separator: separator, child: NodeReference(right).raw),
        ]
        let needed = SeparatorEntry.nodeBytes(entries[...], prefix: 0)
        if needed == NodeLayout.byteCount {
            root.fill(entries[...], prefix: 0)
            tree.root = NodeReference(root).raw
        } else {
            tree.root = NodeReference(makeInner(entries[...], like: root)).raw
            drop(root)
        }
    }
}

extension NodeLayout {
    /// Above this size an inner node is split even when it has room for more entries.
    package static let preferredInnerBytes = 32_768
}

extension NodePointer {
    /// Makes room at `index` of a leaf that is not full, and fills it.
    @inline(__always)
    func insertEntry(_ head: UInt64, _ reference: UInt64, at index: Int) {
        let moved = count - index
        unsafe memmove(heads + index + 1, heads + index, 8 * moved)
        unsafe memmove(records + index + 1, records + index, 8 * moved)
        unsafe heads[index] = head
        unsafe records[index] = reference
        count += 1
    }

    /// Moves the entries from `first` on into an empty leaf, which gets the same prefix.
    func takeEntries(of other: NodePointer, from first: Int) {
        let moved = other.count - first
        unsafe header.pointee.prefixBytes = unsafe other.header.pointee.prefixBytes
        unsafe memcpy(heap, other.heap, other.prefixBytes)
        unsafe memcpy(heads, other.heads + first, 8 * moved)
        unsafe memcpy(records, other.records + first, 8 * moved)
        count = moved
        other.count = first
    }

    /// Gives a leaf of one key what that key shares with a neighbour's longer prefix: keys that follow in order need
    /// not be read again when this leaf is full.
    func takePrefix(of neighbour: NodePointer, onlyKey key: KeyBytes) {
        let length = unsafe sharedPrefix(neighbour.prefix, key)
        if length <= prefixBytes { return }
        unsafe memcpy(heap, neighbour.heap, length)
        unsafe header.pointee.prefixBytes = UInt16(length)
        unsafe heads[0] = unsafe keyHead(key, after: length)
    }

    /// Gives a leaf a shorter prefix; the bytes taken from it move into the heads.
    func shortenPrefix(to length: Int) {
        let freed = prefixBytes - length
        if freed <= 0 { return }
        var bytes: UInt64 = 0
        for index in 0..<min(freed, 8) {
            unsafe bytes |= UInt64(heap[length + index]) << UInt64(56 - 8 * index)
        }
        for index in 0..<count {
            unsafe heads[index] = unsafe freed >= 8 ? bytes : bytes | heads[index] >> UInt64(8 * freed)
        }
        unsafe header.pointee.prefixBytes = UInt16(length)
    }
}
