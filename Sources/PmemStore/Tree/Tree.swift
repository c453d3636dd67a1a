internal import CPmem
internal import Glibc

// The copy-on-write B+tree of one table, and of the catalog. Ordinary memory code: no flush and no fence here.
//
// Invariants (checked by the same numbers in Tree+Invariants.swift):
// 1. Entries and prefix of a node that is reachable from a published root never change, but for one reference in a
//    node that no pinned commit reaches (LeafPlacement.swift). Of its header, a checkpoint and the writer set `place`,
//    and the writer `stamp` once a newer root does not reach it.
// 2. The heads of a node never descend; the keys of a leaf strictly ascend.
// 3. All keys below an inner node's entry i are >= separator i (i > 0) and < separator i + 1.
// 4. Every key of a leaf starts with the leaf's prefix, every separator of an inner node with that node's prefix.
// 5. A head is the 8 bytes behind the prefix, zero-padded.
// 6. All leaves have the same depth; a node's level is its parent's less one.
// 7. No node is empty, and no root is an inner node with a single child.
// 8. The root's `pairs` is the number of pairs in the table.
// 9. Behind the last entry of a node on the medium there are zeros.

/// One step of a descent: a node and the entry that was taken there.
package struct PathStep: BitwiseCopyable {
    package var node: UInt
    package var index: Int

    @inline(__always)
    package var pointer: NodePointer {
        unsafe NodePointer(UnsafeMutableRawPointer(bitPattern: node).unsafelyUnwrapped)
    }
}

/// The way from a root to a leaf entry. `depth` steps; the last one is in the leaf. No memory of its own to manage.
package struct Path {
    package var steps = InlineArray<21, PathStep>(repeating: PathStep(node: 0, index: 0))
    package var depth = 0
    /// Set by an approach: only a record tells whether the leaf's entry is the key.
    package var isTied = false
    /// Set by a writer's approach: every step is as the tree has it now.
    var isWhole = false
    /// Set by a writer's look-up: the path leads to the key that was found, and the tree is as it was then.
    var isSought = false

    package init() {}

    @inline(__always)
    package mutating func push(_ node: NodePointer, _ index: Int) {
        steps[depth] = unsafe PathStep(node: UInt(bitPattern: node.address), index: index)
        depth += 1
    }
    /// A step, read where it is: what does not mutate the path gets a copy of all of them first.
    @inline(__always)
    mutating func step(_ index: Int) -> PathStep {
        precondition(index >= 0 && index < depth)
        return unsafe withUnsafeMutableBytes(of: &steps) { bytes in
            unsafe bytes.load(fromByteOffset: index * MemoryLayout<PathStep>.stride, as: PathStep.self)
        }
    }
    @inline(__always)
    package var leaf: NodePointer { mutating get { step(depth - 1).pointer } }
    @inline(__always)
    package var leafIndex: Int {
        mutating get { step(depth - 1).index }
        set { steps[depth - 1].index = newValue }
    }
}

/// The root of one tree and what is known about it.
package struct TreeState: BitwiseCopyable, Sendable {
    package var root: UInt64
    /// Not counted in the catalog, whose state outlives transactions that are abandoned and stores that are closed.
    package var pairs: UInt64
    package var isCatalog: Bool

    @inline(__always)
    package init(root: NodeReference, pairs: UInt64, isCatalog: Bool = false) {
        self.root = root.raw
        self.pairs = pairs
        self.isCatalog = isCatalog
    }

    @inline(__always)
    package var reference: NodeReference { NodeReference(raw: root) }
    package static var empty: TreeState { TreeState(root: .none, pairs: 0) }
}
