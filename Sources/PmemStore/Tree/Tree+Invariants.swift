internal import CPmem
internal import Glibc

/// Checks the numbered invariants of Tree.swift on a whole tree. O(pairs); for tests and `check`.
package struct TreeCheck<M: Medium> {
    package let space: NodeSpace<M>
    /// What was found wrong, each with the invariant's number.
    package private(set) var failures: [String] = []
    /// Offsets of the nodes on the medium that are reachable.
    package private(set) var nodesOnMedium: [(offset: UInt64, byteCount: Int)] = []
    /// References of all records, in key order.
    package private(set) var records: [UInt64] = []
    private var previousKey: [UInt8]?
    private var pairs: UInt64 = 0

    package init(space: NodeSpace<M>) { self.space = space }

    /// Checks one tree; `isCatalog` trees are checked without their tables.
    package mutating func check(_ tree: TreeState) throws(StoreError) {
        previousKey = nil
        pairs = 0
        if tree.root == 0 { return }
        let root = try space.node(tree.reference)
        checkInvariant7(root)
        try visit(tree.reference, level: root.level, low: nil, high: nil)
        if !tree.isCatalog, root.pairs(at: space.commit) != pairs {
            fail(8, "root says \(root.pairs(at: space.commit)) pairs, counted \(pairs)")
        }
    }

    private mutating func fail(_ number: Int, _ detail: String) {
        failures.append("invariant \(number): \(detail)")
    }

    private mutating func visit(
        _ reference: NodeReference, level: Int, low: [UInt8]?, high: [UInt8]?
    ) throws(StoreError) {
        let node = try space.node(reference)
        if unsafe node.header.pointee.stamp == 0 {
            nodesOnMedium.append((reference.offset, node.byteCount))
            if hasRest(node) { fail(9, "something behind entry \(node.count - 1) at level \(node.level)") }
        }
        if node.level != level { fail(6, "node of level \(node.level) where \(level) belongs") }
        if node.count == 0 { fail(7, "empty node") }
        for index in 1..<max(node.count, 1) where unsafe node.heads[index] < node.heads[index - 1] {
            fail(2, "head \(index) descends at level \(node.level)")
        }
        if node.isLeaf {
            if !node.isCatalog { checkLeaf(node, low: low, high: high) }
            return
        }
        for index in 0..<node.count {
            let own = index == 0 ? low : node.separator(index)
            let next = index + 1 < node.count ? node.separator(index + 1) : high
            if let own, let next, !precedes(own, next) { fail(3, "separators do not ascend") }
            unsafe try visit(
                NodeReference(raw: cpm_load8(node.children + index)), level: level - 1, low: own, high: next)
        }
    }

    private mutating func checkLeaf(_ leaf: NodePointer, low: [UInt8]?, high: [UInt8]?) {
        for index in 0..<leaf.count {
            let key = unsafe [UInt8](space.record(leaf.records[index]).key)
            if let previousKey, !precedes(previousKey, key) { fail(2, "keys do not ascend") }
            if let low, precedes(key, low) { fail(3, "key below its separator") }
            if let high, !precedes(key, high) { fail(3, "key at or above the next separator") }
            if unsafe key.withUnsafeBytes({ unsafe leaf.comparePrefix($0) }) != 0 {
                fail(4, "key without the leaf's prefix")
            }
            let head = unsafe key.withUnsafeBytes { unsafe keyHead($0, after: leaf.prefixBytes) }
            if unsafe head != leaf.heads[index] { fail(5, "head differs from the key") }
            previousKey = key
            pairs += 1
            unsafe records.append(leaf.records[index])
        }
    }

    private func precedes(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        unsafe left.withUnsafeBytes { left in
            unsafe right.withUnsafeBytes { unsafe compareKeys(left, $0) < 0 }
        }
    }

    private func hasRest(_ node: NodePointer) -> Bool {
        let capacity = node.isLeaf ? NodeLayout.leafCapacity : NodeLayout.innerCapacity
        let references = unsafe node.isLeaf ? node.records : node.children
        return (node.count..<capacity).contains { unsafe node.heads[$0] != 0 || references[$0] != 0 }
    }

    private mutating func checkInvariant7(_ root: NodePointer) {
        if !root.isLeaf, root.count < 2 { fail(7, "root with one child") }
    }
}
