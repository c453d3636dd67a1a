internal import CPmem

/// A table as one transaction sees it: the root it found and the space to follow it in.
package struct TableView<M: Medium> {
    package let space: NodeSpace<M>
    package let tree: TreeState

    @inline(__always)
    package init(space: NodeSpace<M>, tree: TreeState) {
        self.space = space
        self.tree = tree
    }

    /// Number of pairs. O(1).
    package var count: Int { Int(tree.pairs) }

    /// The value of a key, in place; nil when the key is not there.
    @inline(__always)
    package func find(_ key: KeyBytes) throws(StoreError) -> UnsafeRawBufferPointer? {
        let reference = try unsafe space.lookup(key, root: tree.reference)
        return unsafe reference == 0 ? nil : try space.value(reference)
    }

    /// The pair that a leaf entry names, in place.
    @inline(__always)
    package func pair(
        _ reference: UInt64
    ) throws(StoreError) -> (key: KeyBytes, value: UnsafeRawBufferPointer) {
        unsafe (space.record(reference).key, try space.value(reference))
    }
}

extension NodeSpace {
    /// The value of the record that a leaf entry names, in place.
    ///
    /// - Throws: ``StoreError/corrupted(_:)`` when the record is not the one that the leaf was given.
    @inline(__always)
    package func value(_ reference: UInt64) throws(StoreError) -> UnsafeRawBufferPointer {
        let record = record(reference)
        if record.checksum & 0xffff != RecordReference(raw: reference).check {
            throw lost(reference, record)
        }
        return unsafe record.isExternal ? try external(record, reference) : record.inlineValue
    }

    private func external(
        _ record: RecordPointer, _ reference: UInt64
    ) throws(StoreError) -> UnsafeRawBufferPointer {
        let value = record.external
        guard value.offset <= verified.storeBytes, value.byteCount <= verified.storeBytes - value.offset
        else {
            throw .corrupted(
                .init(
                    .record, offset: RecordReference(raw: reference).offset,
                    detail: "value of \(value.byteCount) bytes at \(value.offset), beyond the store"))
        }
        return unsafe UnsafeRawBufferPointer(
            start: medium.read(value.offset, Int(value.byteCount)), count: Int(value.byteCount))
    }

    private func lost(_ reference: UInt64, _ record: RecordPointer) -> StoreError {
        let expected = RecordReference(raw: reference)
        return .corrupted(
            .init(
                .record, offset: expected.offset,
                detail: "checksum \(record.checksum & 0xffff), the leaf says \(expected.check)"))
    }
}
