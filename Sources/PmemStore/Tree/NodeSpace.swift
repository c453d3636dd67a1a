internal import CPmem
internal import Glibc

/// Turns references into nodes and records; checks a node of the medium when it is first touched.
///
/// A value of a few words, copied freely: readers, the writer and the checkpointer each hold one.
package struct NodeSpace<M: Medium>: Sendable {
    package let medium: M
    package let verified: VerifiedNodes
    /// True when every read of a value computes the record's checksum.
    package let verifiesRecords: Bool
    /// The commit that is seen, for a reader; the writer and the checkpointer see what they find.
    package private(set) var commit = UInt64.max

    @inline(__always)
    package init(medium: M, verified: VerifiedNodes, verifiesRecords: Bool = false) {
        self.medium = medium
        self.verified = verified
        self.verifiesRecords = verifiesRecords
    }

    /// The same space for a reader that relies on nothing that was verified before. Its `verified` is the reader's to
    /// deallocate.
    package var trustingNothing: NodeSpace {
        NodeSpace(
            medium: medium, verified: VerifiedNodes(addressBytes: 0, storeBytes: verified.storeBytes),
            verifiesRecords: true)
    }

    /// The same space for a reader of one commit.
    @inline(__always)
    package func seeing(_ commit: UInt64) -> NodeSpace {
        var space = self
        space.commit = commit
        return space
    }

    /// The node that a reference names.
    ///
    /// - Throws: ``StoreError/corrupted(_:)`` when a node on the medium is not the one that was written there.
    @inline(__always)
    package func node(_ reference: NodeReference) throws(StoreError) -> NodePointer {
        if reference.isResident { return NodePointer(resident: reference) }
        if verified.contains(reference.offset) {
            return unsafe NodePointer(medium.base + Int(reference.offset))
        }
        return try verify(reference)
    }

    /// The node that an entry of an inner node names.
    ///
    /// - Throws: As ``node(_:)``, also when the node is not of the level below, or of the catalog in a table's tree. So
    ///   no descent goes round in a circle, whatever the medium holds.
    @inline(__always)
    package func child(_ index: Int, of node: NodePointer) throws(StoreError) -> NodePointer {
        try child(index, of: node, kind: node.kind &- 1)
    }

    /// As ``child(_:of:)``, for a descent that carries the kind that the child must have.
    @inline(__always)
    package func child(_ index: Int, of node: NodePointer, kind: UInt16) throws(StoreError) -> NodePointer {
        try child(node.childReference(index), below: node, kind: kind)
    }

    /// As ``child(_:of:)``, for whoever has read the entry before.
    @inline(__always)
    func child(
        _ reference: NodeReference, below node: NodePointer, kind: UInt16
    ) throws(StoreError) -> NodePointer {
        let child = try self.node(reference)
        if child.kind != kind { throw misplaced(reference, child, below: node) }
        return unsafe child.header.pointee.born <= commit ? child : try predecessor(of: child)
    }

    /// A leaf that was placed after the commit that is seen leads to the one that it has replaced, and so on.
    @inline(never)
    private func predecessor(of leaf: NodePointer) throws(StoreError) -> NodePointer {
        var leaf = leaf
        while leaf.isPlaced, unsafe leaf.header.pointee.born > commit { leaf = try node(leaf.predecessor) }
        return leaf
    }

    /// The root that a reference names.
    ///
    /// - Throws: As ``node(_:)``, also when a catalog is expected and the node is not of one, or the other way round.
    @inline(__always)
    package func root(_ reference: NodeReference, isCatalog: Bool) throws(StoreError) -> NodePointer {
        let node = try self.node(reference)
        if node.isCatalog != isCatalog { throw damaged(reference, "a root of another tree") }
        return node
    }

    /// As ``node(_:)``; nil where the node would have to be verified first.
    package func nodeIfVerified(_ reference: NodeReference) -> NodePointer? {
        if reference.isResident { return NodePointer(resident: reference) }
        guard verified.contains(reference.offset) else { return nil }
        return unsafe NodePointer(medium.base + Int(reference.offset))
    }

    /// The record that a leaf entry names.
    @inline(__always)
    package func record(_ reference: UInt64) -> RecordPointer {
        let offset = RecordReference(raw: reference).offset
        return unsafe RecordPointer(medium.read(offset, Record.headerBytes))
    }

    /// The node that a reference names, to be fetched and not to be looked at: nothing waits. nil: beyond the store.
    @inline(__always)
    func nodeToFetch(_ reference: NodeReference) -> NodePointer? {
        if reference.isResident { return NodePointer(resident: reference) }
        if reference.offset > verified.storeBytes - UInt64(NodeLayout.byteCount) { return nil }
        return unsafe NodePointer(medium.base + Int(reference.offset))
    }

    /// Fetches the first two lines of the record that a leaf entry names.
    @inline(__always)
    package func prefetchRecord(_ reference: UInt64) {
        let address = unsafe medium.base + Int(RecordReference(raw: reference).offset)
        unsafe cpm_prefetch(address)
        unsafe cpm_prefetch(address + 64)
    }

    /// First touch since the store was opened: magic, size, place, checksum, the reference's own check bits, and
    /// everything by which the node could lead beyond itself or beyond the store.
    @inline(never)
    private func verify(_ reference: NodeReference) throws(StoreError) -> NodePointer {
        let offset = reference.offset
        guard offset < verified.storeBytes, verified.storeBytes - offset >= UInt64(NodeLayout.byteCount)
        else {
            throw damaged(reference, "beyond the store's \(verified.storeBytes) bytes")
        }
        let header = unsafe medium.read(offset, NodeLayout.headerBytes)
        let node = unsafe NodePointer(UnsafeMutableRawPointer(mutating: header))
        let fields = unsafe node.header.pointee
        guard fields.magic == UInt16(CPM_NODE_MAGIC), fields.place == offset, fields.lines >= 16,
            UInt64(fields.lines) << 6 <= verified.storeBytes - offset
        else { throw damaged(reference, "no node of this place") }
        let bytes = unsafe medium.readChecked(offset, node.byteCount)
        let checksum = unsafe Checksum.of(
            bytes + 4, node.byteCount - 4, seed: Checksum.seed(.node, offset: offset))
        guard checksum == fields.checksum, checksum & 0xffff == reference.check else {
            throw damaged(
                reference, "checksum \(fields.checksum), computed \(checksum), reference \(reference.check)")
        }
        if let flaw = node.flaw(storeBytes: verified.storeBytes) { throw damaged(reference, flaw) }
        verified.insert(offset)
        return node
    }

    @inline(never)
    private func misplaced(
        _ reference: NodeReference, _ child: NodePointer, below node: NodePointer
    ) -> StoreError {
        let kinds = (child.isCatalog ? "catalog" : "table", node.isCatalog ? "catalog" : "table")
        return damaged(
            reference, "level \(child.level) (\(kinds.0)) below level \(node.level) (\(kinds.1))")
    }

    private func damaged(_ reference: NodeReference, _ detail: String) -> StoreError {
        .corrupted(.init(.node, offset: reference.offset, detail: detail))
    }
}

/// One bit for every line of the medium at which a verified node starts. Safe to use from several threads.
@safe package struct VerifiedNodes: @unchecked Sendable {
    /// A word pointer for every chunk, null until a node of the chunk is verified.
    private let chunks: UnsafeMutablePointer<UInt>
    private let chunkLimit: Int
    /// Bytes of the store; grows with it.
    private let end: UnsafeMutablePointer<UInt64>
    private static let wordsPerChunk = Int(CPM_CHUNK_BYTES / CPM_LINE) / 64

    /// - Throws: where there is no address space.
    package static func claim(addressBytes: UInt64, storeBytes: UInt64) throws(SystemFailure) -> VerifiedNodes
    {
        let limit = chunkLimit(addressBytes)
        return try unsafe VerifiedNodes(Virtual.claim(UInt.self, count: limit), limit, storeBytes)
    }

    static func chunkLimit(_ addressBytes: UInt64) -> Int {
        Int(addressBytes / UInt64(CPM_CHUNK_BYTES))
    }

    init(_ chunks: UnsafeMutablePointer<UInt>, _ chunkLimit: Int, _ storeBytes: UInt64) {
        unsafe self.chunks = unsafe chunks
        self.chunkLimit = chunkLimit
        unsafe end = .allocate(capacity: 1)
        unsafe end.initialize(to: storeBytes)
    }

    /// Gives the memory back. Only when nobody reads any more.
    package func deallocate() {
        for chunk in 0..<min(chunkLimit, Int(storeBytes / UInt64(CPM_CHUNK_BYTES))) {
            guard let words = unsafe UnsafeMutableRawPointer(bitPattern: chunks[chunk]) else { continue }
            unsafe free(words)
        }
        unsafe Virtual.deallocate(chunks, count: chunkLimit)
        unsafe end.deallocate()
    }

    /// Bytes of the store: no reference leads beyond.
    package var storeBytes: UInt64 { unsafe cpm_load8_acquire(end) }

    /// The store has grown.
    package func setStoreBytes(_ bytes: UInt64) { unsafe cpm_store8_release(end, bytes) }

    @inline(__always)
    package func contains(_ offset: UInt64) -> Bool {
        let chunk = Int(offset >> 21)
        guard chunk < chunkLimit else { return false }
        guard let words = unsafe UnsafeRawPointer(bitPattern: UInt(cpm_load8_acquire(chunks + chunk))) else {
            return false
        }
        let line = Int(offset >> 6) & (Self.wordsPerChunk * 64 - 1)
        return unsafe cpm_load8(words + 8 * (line >> 6)) >> UInt64(line & 63) & 1 == 1
    }

    package func insert(_ offset: UInt64) {
        let chunk = Int(offset >> 21)
        guard chunk < chunkLimit else { return }
        var word = unsafe UInt(cpm_load8_acquire(chunks + chunk))
        if word == 0 {
            guard let fresh = unsafe calloc(Self.wordsPerChunk, 8) else { return }
            word = UInt(bitPattern: fresh)
            let before = unsafe cpm_compare_exchange8(chunks + chunk, 0, UInt64(word))
            if before != 0 {
                unsafe free(fresh)
                word = UInt(before)
            }
        }
        guard let words = unsafe UnsafeMutableRawPointer(bitPattern: word) else { return }
        let line = Int(offset >> 6) & (Self.wordsPerChunk * 64 - 1)
        unsafe cpm_or8(words + 8 * (line >> 6), 1 << UInt64(line & 63))
    }
}
