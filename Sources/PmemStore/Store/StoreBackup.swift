internal import CPmem

/// What a backup holds, and what it took.
public struct BackupReport: Sendable, Equatable {
    /// The commit of the source that the backup equals. The backup's own commits are numbered from 1.
    public let commit: UInt64
    /// Pairs of all tables.
    public let pairs: UInt64
    /// Bytes of their keys and values.
    public let bytes: UInt64
    /// Time that it took.
    public let nanoseconds: UInt64
}

extension Store {
    /// Writes the newest commit into a new store at `path`, while reads and commits go on.
    ///
    /// Commits do not wait for it: it reads a snapshot and writes another store, O(data). Until it ends, space that
    /// the snapshot can see is not used again. It verifies the checksum of every record, so that damage is not
    /// copied. The new store lies beside its place until it is complete and durable: a backup that fails or is killed
    /// leaves nothing at `path`. Tables get new numbers. Blocks are never shared (docs/decisions/0012).
    ///
    /// - Parameter options: Of the new store. Something at `path` is refused whatever `creation` says, and
    ///   `initialBytes` is at least what the data need.
    /// - Throws: ``StoreError/open(_:)`` when no store can be made at `path`; ``StoreError/corrupted(_:)`` when the
    ///   source is damaged; ``StoreError/commit(_:)`` when the new store runs out of space;
    ///   ``StoreError/TransactionFailure/closed``, ``StoreError/TransactionFailure/tooManyReaders(limit:)``.
    @discardableResult
    public func backup(
        to path: String, options: StoreOptions = StoreOptions()
    ) throws(StoreError) -> BackupReport {
        try ground.health.requireOwnProcess()
        let begun = cpm_monotonic_nanoseconds()
        let pin = try pin()
        defer { engine.readers.unpin(pin) }
        let job = BackupJob(
            space: engine.space.verifying.seeing(pin.commit), catalog: NodeReference(raw: pin.root),
            options: backupOptions(from: options))
        try job.run(path: path)
        return BackupReport(
            commit: pin.commit, pairs: job.pairs, bytes: job.bytes,
            nanoseconds: cpm_monotonic_nanoseconds() - begun)
    }

    private func backupOptions(from options: StoreOptions) -> StoreOptions {
        let statistics = statistics
        var options = options
        options.creation = .always
        options.initialBytes = max(options.initialBytes, statistics.fileBytes - statistics.freeBytes)
        return options
    }
}

extension NodeSpace {
    /// The same space; every read of a value computes the record's checksum.
    fileprivate var verifying: NodeSpace {
        NodeSpace(medium: medium, verified: verified, verifiesRecords: true)
    }
}

/// Copies all tables of one commit into a store of their own.
private final class BackupJob {
    /// A transaction takes so many bytes of keys and values: a sync of pages for each pair would cost much.
    private static let transactionBytes = 4 << 20

    private let space: NodeSpace<DirectMedium>
    private let catalog: NodeReference
    private let options: StoreOptions
    private(set) var pairs: UInt64 = 0
    private(set) var bytes: UInt64 = 0

    init(space: NodeSpace<DirectMedium>, catalog: NodeReference, options: StoreOptions) {
        self.space = space
        self.catalog = catalog
        self.options = options
    }

    func run(path: String) throws(StoreError) {
        try options.validate()
        try SegmentDirectory.checkMedium(at: path, options: options)
        try StoreCreator(path: path, options: options).create { (building) throws(StoreError) in
            var options = options
            options.creation = .never
            let copy = try Store.open(building, options: options)
            // What fails is removed as a whole.
            defer { try? copy.close() }
            try copyTables(to: copy)
            try copy.checkpoint()
        }
    }

    private func copyTables(to copy: Store) throws(StoreError) {
        try copyPairs(from: Catalog.mainTable, to: copy, .main)
        var names = try cursor(Catalog.namesTable)
        while names.isValid {
            let number = try unsafe space.value(names.reference)
            guard number.count == 4 else {
                let place = RecordReference(raw: names.reference).offset
                throw .corrupted(.init(.record, offset: place, detail: "a table's number has 4 bytes"))
            }
            let name = unsafe String(decoding: space.record(names.reference).key, as: UTF8.self)
            let table = try commit(to: copy) { (tx) throws(StoreError) in try tx.createTable(name) }
            let source = unsafe UInt32(littleEndian: number.loadUnaligned(as: UInt32.self))
            try copyPairs(from: source, to: copy, table)
            try names.next()
        }
    }

    private func copyPairs(from number: UInt32, to copy: Store, _ table: Table) throws(StoreError) {
        var cursor = try cursor(number)
        while cursor.isValid {
            try commit(to: copy) { (tx) throws(StoreError) in
                var taken = 0
                while cursor.isValid, taken < Self.transactionBytes {
                    // The value first: asking for it verifies the record, its key included.
                    let value = try unsafe space.value(cursor.reference)
                    let key = unsafe space.record(cursor.reference).key
                    try unsafe tx.putBytes(value, key, table)
                    taken += key.count + value.count
                    pairs += 1
                    try cursor.next()
                }
                bytes += UInt64(taken)
            }
        }
    }

    /// On the first entry of a table as the commit has it.
    private func cursor(_ number: UInt32) throws(StoreError) -> TreeCursor<DirectMedium> {
        let tree = try Catalog.table(number, in: catalog, space: space)
        var cursor = TreeCursor(space: space, root: tree.reference)
        try cursor.seekFirst()
        return cursor
    }

    private func commit<R>(
        to copy: Store, _ body: (inout WriteTransaction) throws(StoreError) -> R
    ) throws(StoreError) -> R {
        do {
            return try copy.write { tx in try body(&tx) }
        } catch let error as StoreError {
            throw error
        } catch {
            preconditionFailure("a write throws what its closure throws, or its own: \(error)")
        }
    }
}
