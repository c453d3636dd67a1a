internal import CPmem

/// Records that are not taken at their word: where a key decides what is found, or what is removed.
extension NodeSpace {
    /// Computes the checksum of the record that a leaf entry names.
    ///
    /// - Throws: ``StoreError/corrupted(_:)`` when the record is not the one that the leaf was given.
    @inline(never)
    func verifyRecord(_ reference: UInt64) throws(StoreError) {
        let record = record(reference)
        if record.checksum & 0xffff != RecordReference(raw: reference).check { throw lost(reference, record) }
        try verify(record, at: RecordReference(raw: reference).offset)
    }

    /// Verifies the records by which a search has decided that a key is not there, or where it would be: those of the
    /// same head. Without, a key that rots is missing, and nobody hears of it.
    @inline(never)
    package func verifyTies(of key: KeyBytes, root: NodeReference) throws(StoreError) {
        guard let leaf = try unsafe leaf(for: key, root: root), !leaf.isCatalog else { return }
        try unsafe verifyTies(of: key, in: leaf)
    }

    /// As ``verifyTies(of:root:)``, for whoever has found the leaf.
    @inline(__always)
    func verifyTies(of key: KeyBytes, in leaf: NodePointer) throws(StoreError) {
        let bound = unsafe leaf.bound(of: key)
        if !bound.isTied { return }
        var index = bound.index
        while index < leaf.count, unsafe leaf.heads[index] == leaf.heads[bound.index] {
            try verifyRecord(leaf.reference(index, at: commit))
            index += 1
        }
    }

    /// True when an entry of a leaf is less than `key`. The heads tell, and only among equal ones the record, which is
    /// verified: what it decides to remove is gone, and the evidence with it.
    package func precedes(_ index: Int, of leaf: NodePointer, _ key: KeyBytes) throws(StoreError) -> Bool {
        let bound = unsafe leaf.bound(of: key)
        if index < bound.index { return true }
        guard bound.isTied, unsafe leaf.heads[index] == leaf.heads[bound.index] else { return false }
        let reference = leaf.reference(index, at: commit)
        try verifyRecord(reference)
        return unsafe compareKeys(record(reference).key, key) < 0
    }

    @inline(never)
    func verify(_ record: RecordPointer, at offset: UInt64) throws(StoreError) {
        let end = verified.storeBytes
        guard offset <= end, UInt64(record.byteCount) <= end - offset else { throw tooLong(offset, record) }
        let computed = record.computedChecksum(offset: offset)
        if computed != record.checksum {
            throw damaged(.record, offset, "checksum \(record.checksum), computed \(computed)")
        }
    }

    @inline(never)
    func tooLong(_ offset: UInt64, _ record: RecordPointer) -> StoreError {
        damaged(.record, offset, "\(record.byteCount) bytes lead beyond the store's \(verified.storeBytes)")
    }

    func lost(_ reference: UInt64, _ record: RecordPointer) -> StoreError {
        let expected = RecordReference(raw: reference)
        return damaged(
            .record, expected.offset,
            "checksum \(record.checksum & 0xffff), the leaf says \(expected.check)")
    }

    func damaged(
        _ structure: StoreError.Corruption.Structure, _ offset: UInt64, _ detail: String
    ) -> StoreError {
        .corrupted(.init(structure, offset: offset, detail: detail))
    }
}
