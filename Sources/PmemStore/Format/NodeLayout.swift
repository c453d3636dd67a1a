package import CPmem

/// A tree node in memory, in DRAM or in place on the medium (docs/format.md, "Node").
///
/// Leaf, 16 lines: header, 56 heads, 56 record references, 64 bytes of prefix.
/// Inner node, 16 lines or more: header, 52 heads, 52 child references, 52 separator lengths, separator heap.
@safe package struct NodePointer: Equatable, @unchecked Sendable {
    package let address: UnsafeMutableRawPointer

    @inline(__always)
    package init(_ address: UnsafeMutableRawPointer) { unsafe self.address = unsafe address }

    @inline(__always)
    package static func == (left: NodePointer, right: NodePointer) -> Bool {
        unsafe left.address == right.address
    }

    /// The node that a resident reference names.
    @inline(__always)
    package init(resident reference: NodeReference) {
        unsafe address = unsafe UnsafeMutableRawPointer(bitPattern: UInt(reference.raw)).unsafelyUnwrapped
    }

    @inline(__always)
    package var header: UnsafeMutablePointer<cpm_node> {
        unsafe address.assumingMemoryBound(to: cpm_node.self)
    }
    @inline(__always)
    package var level: Int { unsafe Int(header.pointee.level) }
    /// Level and flags of the medium in one word. A child's is its parent's less one.
    @inline(__always)
    package var kind: UInt16 {
        unsafe (address + NodeLayout.kindOffset).loadUnaligned(as: UInt16.self) & NodeLayout.kindMask
    }
    @inline(__always)
    package var isLeaf: Bool { unsafe header.pointee.level == 0 }
    @inline(__always)
    package var isCatalog: Bool { unsafe header.pointee.flags & UInt8(CPM_NODE_CATALOG) != 0 }
    @inline(__always)
    package var count: Int {
        get { unsafe Int(header.pointee.count) }
        nonmutating set { unsafe header.pointee.count = UInt16(truncatingIfNeeded: newValue) }
    }
    @inline(__always)
    package var prefixBytes: Int { unsafe Int(header.pointee.prefixBytes) }
    @inline(__always)
    package var byteCount: Int { unsafe Int(header.pointee.lines) << 6 }

    @inline(__always)
    package var heads: UnsafeMutablePointer<UInt64> {
        unsafe (address + NodeLayout.headerBytes).assumingMemoryBound(to: UInt64.self)
    }
    /// Record references of a leaf (of the catalog: roots of tables).
    @inline(__always)
    package var records: UnsafeMutablePointer<UInt64> {
        unsafe (address + NodeLayout.leafReferences).assumingMemoryBound(to: UInt64.self)
    }
    /// Child references of an inner node.
    @inline(__always)
    package var children: UnsafeMutablePointer<UInt64> {
        unsafe (address + NodeLayout.innerReferences).assumingMemoryBound(to: UInt64.self)
    }
    /// Length of each separator behind the prefix; 255: the length stands in the heap.
    @inline(__always)
    package var separatorLengths: UnsafeMutablePointer<UInt8> {
        unsafe (address + NodeLayout.innerLengths).assumingMemoryBound(to: UInt8.self)
    }
    /// Start of the prefix bytes.
    @inline(__always)
    package var heap: UnsafeMutablePointer<UInt8> {
        unsafe (address + (isLeaf ? NodeLayout.leafPrefix : NodeLayout.innerHeap))
            .assumingMemoryBound(to: UInt8.self)
    }
    @inline(__always)
    package var prefix: KeyBytes { unsafe KeyBytes(start: heap, count: prefixBytes) }

    /// Where the heap ends.
    @inline(__always)
    package var heapCapacity: Int {
        byteCount - (isLeaf ? NodeLayout.leafPrefix : NodeLayout.innerHeap)
    }
}

/// Sizes and offsets of nodes, in bytes unless said.
package enum NodeLayout {
    package static let headerBytes = MemoryLayout<cpm_node>.size
    package static let byteCount = 1024
    /// Offset of `level` and `flags` in the header.
    package static let kindOffset = 6
    /// Offset of `place` in the header.
    package static let placeOffset = 24
    /// Offset of `pairs` in the header.
    static let pairsOffset = 32
    /// Offset of `changed` in the header.
    static let changedOffset = 56
    /// Without the flags that only nodes in DRAM have.
    @inline(__always)
    package static var kindMask: UInt16 { 0x3fff }
    /// The level in a ``NodePointer/kind``.
    @inline(__always)
    package static var levelMask: UInt16 { 0xff }
    package static let leafCapacity = 56
    package static let leafReferences = headerBytes + 8 * leafCapacity
    package static let leafPrefix = leafReferences + 8 * leafCapacity
    package static let leafPrefixLimit = byteCount - leafPrefix
    package static let innerCapacity = 52
    package static let innerReferences = headerBytes + 8 * innerCapacity
    package static let innerLengths = innerReferences + 8 * innerCapacity
    package static let innerHeap = innerLengths + innerCapacity
    /// Deepest tree: 2^32 leaves would be 6 levels; more means damage.
    package static let depthLimit = 20
}
