internal import CPmem
internal import Glibc

/// The tree of trees: table number to root. Its keys are the numbers in 8 big-endian bytes, its references roots.
package enum Catalog {
    /// Table 0 maps names of tables to their numbers.
    package static let namesTable: UInt32 = 0
    /// The table that exists in every store.
    package static let mainTable: UInt32 = 1
    /// First number given to a table by name.
    package static let firstNamedTable: UInt32 = 2

    @inline(__always)
    package static func withKey<R>(
        _ table: UInt32, _ body: (KeyBytes) throws(StoreError) -> R
    ) throws(StoreError) -> R {
        let word = UInt64(table).bigEndian
        return try unsafe Swift.withUnsafeBytes(of: word) { (key: KeyBytes) throws(StoreError) in
            try unsafe body(key)
        }
    }

    /// A table's tree as a catalog root has it.
    @inline(__always)
    package static func table<M: Medium>(
        _ table: UInt32, in catalog: NodeReference, space: NodeSpace<M>
    ) throws(StoreError) -> TreeState {
        let root = NodeReference(raw: try lookup(table, catalog, space))
        if root.isNone { return .empty }
        let node = try space.root(root, isCatalog: false)
        return TreeState(root: root, pairs: node.pairs(at: space.commit))
    }

    /// Heads are whole keys here, so that a search needs no key bytes at all.
    @inline(__always)
    private static func lookup<M: Medium>(
        _ table: UInt32, _ catalog: NodeReference, _ space: NodeSpace<M>
    ) throws(StoreError) -> UInt64 {
        if catalog.isNone { return 0 }
        var node = try space.root(catalog, isCatalog: true)
        if !node.isLeaf {
            while !node.isLeaf {
                let index = try unsafe withKey(table) { (key: KeyBytes) in unsafe node.childIndex(key) }
                node = try space.child(index, of: node)
            }
        }
        // The main table is the first, or the second behind that of the names.
        let guess = unsafe node.heads[0] == UInt64(table) ? 0 : min(1, node.count - 1)
        if unsafe node.heads[guess] == UInt64(table) { return unsafe cpm_load8(node.records + guess) }
        let index = node.lowerBound(UInt64(table), from: 0, count: node.count)
        return unsafe index < node.count && node.heads[index] == UInt64(table)
            ? cpm_load8(node.records + index) : 0
    }

    /// Enters a table's root, or takes the table out when its tree is empty.
    @inline(__always)
    package static func store<M: Medium>(
        _ tree: TreeState, table: UInt32, in catalog: inout TreeState, trees: inout TreeWriter<M>
    ) throws(StoreError) {
        if tree.root != 0, catalog.root != 0 {
            // The usual case: few tables, so that the catalog is one leaf, and the table is in it.
            let leaf = try trees.space.node(catalog.reference)
            let index = leaf.isLeaf ? leaf.lowerBound(UInt64(table), from: 0, count: leaf.count) : leaf.count
            if unsafe index < leaf.count && leaf.heads[index] == UInt64(table) {
                trees.path.depth = 0
                trees.path.push(leaf, index)
                _ = try trees.replace(tree.root, tree: &catalog)
                return
            }
        }
        try storeSlowly(tree, table: table, in: &catalog, trees: &trees)
    }

    @inline(never)
    private static func storeSlowly<M: Medium>(
        _ tree: TreeState, table: UInt32, in catalog: inout TreeState, trees: inout TreeWriter<M>
    ) throws(StoreError) {
        var state = catalog
        try unsafe withKey(table) { (key: KeyBytes) throws(StoreError) in
            let isFound = try unsafe trees.space.locate(key, root: state.reference, path: &trees.path)
            if tree.root == 0 {
                if isFound { _ = try trees.remove(tree: &state) }
            } else if isFound {
                _ = try trees.replace(tree.root, tree: &state)
            } else {
                try unsafe trees.insert(key, tree.root, tree: &state)
            }
        }
        catalog = state
    }
}
