internal import CPmem

// What a checksum does not tell: whether a node could have been written by the engine. Checked once, when a node is
// first read from the medium, so that descents and changes need no checks of their own.

extension NodePointer {
    /// The first thing by which the node could lead beyond itself or the store, or break the order of Tree.swift's
    /// invariants; nil when there is none. Of a node on the medium whose bytes are all in the store. O(entries).
    func flaw(storeBytes: UInt64) -> String? {
        if let flaw = headerFlaw { return flaw }
        if isLeaf {
            if let flaw = headFlaw(from: 0) { return flaw }
            return isCatalog
                ? unsafe nodeReferenceFlaw(records) : recordReferenceFlaw(limit: storeBytes)
        }
        return unsafe headFlaw(from: 1) ?? nodeReferenceFlaw(children) ?? separatorFlaw
    }

    private var headerFlaw: String? {
        let fields = unsafe header.pointee
        let capacity = isLeaf ? NodeLayout.leafCapacity : NodeLayout.innerCapacity
        guard level < NodeLayout.depthLimit else { return "level \(level)" }
        guard count > 0, count <= capacity else { return "\(count) entries" }
        guard fields.flags & ~UInt8(CPM_NODE_CATALOG) == 0 else { return "flags \(fields.flags)" }
        guard !isLeaf || byteCount == NodeLayout.byteCount else { return "a leaf of \(byteCount) bytes" }
        guard prefixBytes <= heapCapacity else { return "a prefix of \(prefixBytes) bytes" }
        guard !isLeaf || !isCatalog || prefixBytes == 0 else { return "a prefix in the catalog" }
        // Nodes of the writer's own stamp change in place.
        guard fields.stamp == 0, fields.born == 0, fields.changed == 0, fields.reserved0 == 0 else {
            return "fields of a node in memory"
        }
        guard fields.pairs <= NodeLayout.pairsMask else { return "\(fields.pairs) pairs" }
        return nil
    }

    private func headFlaw(from first: Int) -> String? {
        for index in (first + 1)..<max(count, first + 1) {
            if unsafe heads[index] < heads[index - 1] { return "head \(index) descends" }
            if unsafe isCatalog && isLeaf && heads[index] == heads[index - 1] { return "a table twice" }
        }
        return nil
    }

    private func recordReferenceFlaw(limit: UInt64) -> String? {
        for index in 0..<count {
            let raw = unsafe records[index]
            let offset = RecordReference(raw: raw).offset
            guard raw & 62 == 0, offset > 0, offset <= limit - UInt64(CPM_LINE) else {
                return "entry \(index) names no place of a record"
            }
        }
        return nil
    }

    private func nodeReferenceFlaw(_ references: UnsafeMutablePointer<UInt64>) -> String? {
        for index in 0..<count where unsafe !NodeReference(raw: references[index]).isPlace {
            return "entry \(index) names no place of a node"
        }
        return nil
    }

    // MARK: Separators

    private var separatorFlaw: String? {
        let end = unsafe Int(header.pointee.heapBytes)
        guard end >= prefixBytes, end <= heapCapacity else { return "a heap of \(end) bytes" }
        guard unsafe heads[0] == 0 && separatorLengths[0] == 0 else { return "a separator at entry 0" }
        var place = prefixBytes
        var before = place
        for index in 1..<max(count, 1) {
            guard let item = heapItem(index, place: place, end: end) else {
                return "separator \(index) leaves the heap"
            }
            if index > 1, !isAscending(index, place: place, before: before) {
                return "separator \(index) descends"
            }
            (before, place) = (place, place + item)
        }
        return place == end ? nil : "\(end - place) bytes of the heap belong to no separator"
    }

    /// Bytes of a separator in the heap; nil when its length is none, or its bytes are not within the heap.
    private func heapItem(_ index: Int, place: Int, end: Int) -> Int? {
        let length = unsafe Int(separatorLengths[index])
        if length <= 8 {
            // Behind a short separator its head is zero.
            return unsafe length == 8 || heads[index] << UInt64(8 * length) == 0 ? 0 : nil
        }
        guard length == Int(NodeLayout.longSeparator), end - place > 2 else { return nil }
        let tail = unsafe separatorTail(index, place: place).count
        return tail > 0 && tail <= end - place - 2 ? 2 + tail : nil
    }

    /// True when a separator is greater than the one before it, whose head is not greater.
    private func isAscending(_ index: Int, place: Int, before: Int) -> Bool {
        if unsafe heads[index] != heads[index - 1] { return true }
        let lengths = unsafe (separatorLengths[index - 1], separatorLengths[index])
        guard lengths == (NodeLayout.longSeparator, NodeLayout.longSeparator) else {
            return lengths.0 < lengths.1
        }
        return unsafe compareKeys(
            separatorTail(index - 1, place: before), separatorTail(index, place: place)) < 0
    }
}
