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
        return try unsafe space.value(reference, of: key, root: tree.reference)
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
    /// The value to the reference that a look-up of a key has found, in place; nil where it is 0: there is none. A
    /// space that relies on nothing makes sure that the key was not missed.
    @inline(__always)
    package func value(
        _ reference: UInt64, of key: KeyBytes, root: NodeReference
    ) throws(StoreError) -> UnsafeRawBufferPointer? {
        if reference != 0 { return unsafe try value(reference) }
        if verifiesRecords { try unsafe verifyTies(of: key, root: root) }
        return nil
    }

    /// The value of the record that a leaf entry names, in place.
    ///
    /// - Throws: ``StoreError/corrupted(_:)`` when the record is not the one that the leaf was given.
    @inline(__always)
    package func value(_ reference: UInt64) throws(StoreError) -> UnsafeRawBufferPointer {
        let record = record(reference)
        if record.checksum & 0xffff != RecordReference(raw: reference).check {
            throw lost(reference, record)
        }
        if verifiesRecords { try verify(record, at: RecordReference(raw: reference).offset) }
        return record.isExternal ? try unsafe external(record) : try unsafe inlineValue(record, reference)
    }

    @inline(__always)
    private func inlineValue(
        _ record: RecordPointer, _ reference: UInt64
    ) throws(StoreError) -> UnsafeRawBufferPointer {
        let start = Record.headerBytes &+ record.keyBytes
        let count = Int(record.rawValueBytes)
        let offset = RecordReference(raw: reference).offset
        let end = offset &+ UInt64(truncatingIfNeeded: start &+ count)
        if end > verified.storeBytes { throw tooLong(offset, record) }
        return unsafe UnsafeRawBufferPointer(start: record.address + start, count: count)
    }

    private func external(_ record: RecordPointer) throws(StoreError) -> UnsafeRawBufferPointer {
        let value = record.external
        let end = verified.storeBytes
        guard value.offset <= end, value.byteCount <= end - value.offset else {
            throw damaged(
                .largeValue, value.offset, "\(value.byteCount) bytes lead beyond the store's \(end)")
        }
        let bytes = unsafe medium.read(value.offset, Int(value.byteCount))
        if verifiesRecords {
            let seed = Checksum.seed(.largeValue, offset: value.offset)
            let computed = unsafe Checksum.of(bytes, Int(value.byteCount), seed: seed)
            if computed != value.checksum {
                throw damaged(.largeValue, value.offset, "checksum \(value.checksum), computed \(computed)")
            }
        }
        return unsafe UnsafeRawBufferPointer(start: bytes, count: Int(value.byteCount))
    }
}
