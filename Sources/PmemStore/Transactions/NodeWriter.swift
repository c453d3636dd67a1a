internal import CPmem
internal import Glibc

/// Writes the dirty nodes of a pinned root to the medium, children before parents.
///
/// Runs beside the writer: it reads nodes that cannot change (invariant 1) and sets one word in them, `place`.
@safe package struct NodeWriter<M: Medium>: ~Copyable {
    let medium: M
    let epoch: UInt32
    let gate: WriterGate
    /// Takes slots from the heap, many at a time, because that needs the write gate.
    let takeSlot: (Int) throws(StoreError) -> UInt64
    /// Slots that now hold nodes.
    package private(set) var births: [UInt64] = []
    /// Nodes that left the tree while they were being written: they die with the next checkpoint.
    package private(set) var lateDeaths: [UInt64] = []
    private let image: UnsafeMutableRawPointer

    package init(
        medium: M, epoch: UInt32, gate: WriterGate, takeSlot: @escaping (Int) throws(StoreError) -> UInt64
    ) {
        self.medium = medium
        self.gate = gate
        self.epoch = epoch
        self.takeSlot = takeSlot
        unsafe image = .allocate(byteCount: NodeLayout.byteCount, alignment: 64)
    }

    deinit { unsafe image.deallocate() }

    /// Writes what is dirty below a reference; returns the reference on the medium.
    package mutating func write(_ reference: NodeReference) throws(StoreError) -> NodeReference {
        if !reference.isResident || reference.isNone { return reference }
        let node = NodePointer(resident: reference)
        let word = unsafe node.address + NodeLayout.placeOffset
        let place = unsafe cpm_load8_acquire(word) & ~NodeLayout.placeDead
        if place != 0 { return NodeReference(raw: place) }
        let written = try writeNode(node)
        if unsafe cpm_compare_exchange8(word, 0, written.raw) != 0 {
            unsafe cpm_store8_release(word, written.raw | NodeLayout.placeDead)
            lateDeaths.append(written.offset | Delta.death | Delta.node)
        }
        return written
    }

    private mutating func writeNode(_ node: NodePointer) throws(StoreError) -> NodeReference {
        let references = unsafe node.isLeaf ? node.records : node.children
        if node.isLeaf && !node.isCatalog {
            return try place(node) { _ in }
        }
        var children: [UInt64] = []
        children.reserveCapacity(node.count)
        for index in 0..<node.count {
            unsafe children.append(try write(NodeReference(raw: cpm_load8(references + index))).raw)
        }
        return try place(node) { copy in
            let target = unsafe copy.isLeaf ? copy.records : copy.children
            for index in 0..<children.count { unsafe target[index] = children[index] }
        }
    }

    /// Puts a node's image, completed by `fill`, into a fresh slot.
    private mutating func place(
        _ node: NodePointer, _ fill: (NodePointer) -> Void
    ) throws(StoreError) -> NodeReference {
        let bytes = node.byteCount
        let offset = try takeSlot(bytes)
        births.append(offset)
        let isLarge = bytes > NodeLayout.byteCount
        let buffer =
            unsafe isLarge ? UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64) : image
        defer { if isLarge { unsafe buffer.deallocate() } }
        unsafe memcpy(buffer, node.address, bytes)
        let copy = unsafe NodePointer(buffer)
        fill(copy)
        copy.clearUnusedEntries()
        copy.setHeaderForMedium(epoch: epoch, offset: offset)
        let checksum = unsafe Checksum.of(buffer + 4, bytes - 4, seed: Checksum.seed(.node, offset: offset))
        unsafe copy.header.pointee.checksum = checksum
        try gate.store { () throws(StoreError) in unsafe medium.copyIn(offset, buffer, bytes) }
        return NodeReference(offset: offset, checksum: checksum)
    }
}

extension NodePointer {
    /// Fields that mean something in DRAM only become zero.
    fileprivate func setHeaderForMedium(epoch: UInt32, offset: UInt64) {
        clearPlaced()
        unsafe header.pointee.epoch = epoch
        unsafe header.pointee.place = offset
        unsafe header.pointee.stamp = 0
        unsafe header.pointee.born = 0
        unsafe header.pointee.flags &= ~NodeLayout.droppedFlag
    }

    /// What removed entries left behind must not reach the medium.
    fileprivate func clearUnusedEntries() {
        let capacity = isLeaf ? NodeLayout.leafCapacity : NodeLayout.innerCapacity
        let unused = capacity - count
        unsafe memset(heads + count, 0, 8 * unused)
        unsafe memset((isLeaf ? records : children) + count, 0, 8 * unused)
        if isLeaf {
            unsafe memset(heap + prefixBytes, 0, heapCapacity - prefixBytes)
        } else {
            unsafe memset(separatorLengths + count, 0, unused)
            unsafe memset(
                heap + Int(header.pointee.heapBytes), 0, heapCapacity - Int(header.pointee.heapBytes))
        }
    }
}
