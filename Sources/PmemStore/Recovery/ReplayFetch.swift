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

    /// Looks ahead of an entry at a position; those behind it are taken to be of its size.
    @inline(__always)
    func fetch(aheadOf position: UInt64, _ entry: LogEntryView, table: UInt32, root: NodeReference) {
        if !M.fetchesAhead { return }
        let step = entry.end - position
        let ahead = { (distance: UInt64) in operation(at: position + distance * step, behind: entry.commit) }
        if let operation = ahead(Self.recordDistance) {
            space.prefetchRecord(LeafEntry.offset(operation))
        }
        if root.isNone { return }
        if let operation = ahead(Self.parentDistance), operation.table == table {
            fetchNode(of: operation, level: 1, root)
        }
        if let operation = ahead(Self.leafDistance), operation.table == table {
            fetchNode(of: operation, level: 0, root)
        }
    }

    /// The first operation of what would be the entry at a position. What earlier laps have left has smaller numbers:
    /// the records that it names may be anything by now.
    @inline(__always)
    private func operation(at position: UInt64, behind commit: UInt64) -> cpm_log_operation? {
        // Positions, sizes of entries and the ring are multiples of a line: a line of it lies here.
        let bytes = unsafe medium.base + Int(start + position % capacity)
        let entry = unsafe bytes.loadUnaligned(as: cpm_log_entry.self)
        guard entry.magic == UInt16(CPM_LOG_MAGIC), entry.commit > commit else { return nil }
        let operation = unsafe bytes.loadUnaligned(
            fromByteOffset: LogLayout.headerBytes, as: cpm_log_operation.self)
        let offset = LeafEntry.offset(operation)
        return offset > 0 && offset <= space.verified.storeBytes - Self.recordLines ? operation : nil
    }

    @inline(__always)
    private func fetchNode(of operation: cpm_log_operation, level: Int, _ root: NodeReference) {
        let record = unsafe RecordPointer(medium.base + Int(LeafEntry.offset(operation)))
        guard UInt64(Record.headerBytes + record.keyBytes) <= Self.recordLines else { return }
        unsafe space.prefetchNode(record.key, root: root, level: level)
    }
}
