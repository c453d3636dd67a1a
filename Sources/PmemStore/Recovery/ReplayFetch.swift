internal import CPmem

/// Fetches what the entries ahead will read, so that replay does not wait for one cache miss after the other: first the
/// records, then, by their keys, the nodes above the leaves, then the leaves.
///
/// These are hints. What it looks at was not verified and may be no entry at all, so it looks only at what lies within
/// the store, and what it finds changes nothing.
struct ReplayFetch<M: Medium> {
    let medium: M
    let space: NodeSpace<M>
    /// Place and bytes of the log's ring.
    let start: UInt64
    let capacity: UInt64

    /// How many entries ahead records are fetched, then the nodes above the leaves, then the leaves.
    private static var recordDistance: UInt64 { 18 }
    private static var parentDistance: UInt64 { 11 }
    private static var leafDistance: UInt64 { 5 }
    /// A record's first lines.
    private static var recordLines: UInt64 { 128 }

    /// Looks ahead of the entry at a position, which takes `byteCount` bytes; those behind it are taken to be alike.
    @inline(__always)
    func fetch(aheadOf position: UInt64, byteCount: UInt64, table: UInt32, root: NodeReference) {
        if !M.fetchesAhead { return }
        if let operation = operation(at: position + Self.recordDistance * byteCount) {
            space.prefetchRecord(LeafEntry.offset(operation))
        }
        fetchNode(ofEntry: position + Self.parentDistance * byteCount, level: 1, table, root)
        fetchNode(ofEntry: position + Self.leafDistance * byteCount, level: 0, table, root)
    }

    /// The first operation of what would be the entry at a position.
    @inline(__always)
    private func operation(at position: UInt64) -> cpm_log_operation? {
        let place = position % capacity
        guard place + 64 <= capacity else { return nil }
        let entry = unsafe medium.base + Int(start + place)
        guard unsafe entry.loadUnaligned(as: cpm_log_entry.self).magic == UInt16(CPM_LOG_MAGIC) else {
            return nil
        }
        let operation = unsafe entry.loadUnaligned(
            fromByteOffset: LogLayout.headerBytes, as: cpm_log_operation.self)
        let offset = LeafEntry.offset(operation)
        return offset > 0 && offset <= space.verified.storeBytes - Self.recordLines ? operation : nil
    }

    @inline(__always)
    private func fetchNode(ofEntry position: UInt64, level: Int, _ table: UInt32, _ root: NodeReference) {
        guard let operation = operation(at: position), operation.table == table, !root.isNone else { return }
        let record = unsafe RecordPointer(medium.base + Int(LeafEntry.offset(operation)))
        guard UInt64(Record.headerBytes + record.keyBytes) <= Self.recordLines else { return }
        unsafe space.prefetchNode(record.key, root: root, level: level)
    }
}
