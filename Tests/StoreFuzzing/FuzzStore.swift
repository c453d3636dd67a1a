internal import CPmem
internal import PmemStore

/// An engine over a ``FuzzMemory``, without threads of its own.
final class FuzzStore {
    static let layout: SegmentLayout = {
        guard
            let layout = SegmentLayout(index: 0, baseOffset: 0, byteCount: 48 << 20, logBytes: 64 << 10)
        else { preconditionFailure("no such segment") }
        return layout
    }()

    let engine: Engine<FuzzMedium>

    /// Recovers what the memory holds.
    init(_ memory: FuzzMemory) throws(StoreError) {
        let layout = Self.layout
        let place = ChunkTableSegment(
            firstChunk: 0, chunkCount: layout.chunkCount, tableOffset: layout.chunkTableOffset, firstBlock: 0)
        let recovery = Recovery(
            medium: FuzzMedium(memory), segments: [place], reservedBytes: [Int(layout.reservedBytes)],
            storeBytes: layout.byteCount, addressBytes: layout.byteCount, path: "fuzzed")
        var options = StoreOptions()
        // Checkpoints come when they are asked for or the log is full, never by the clock.
        options.recoveryTimeTargetNanoseconds = 1 << 50
        let readers = ReaderTable()
        do throws(StoreError) {
            engine = Engine(
                recovered: try recovery.recover(options: options, readers: readers), readers: readers,
                checkpointMedium: FuzzMedium(memory), growth: nil, quotaBytes: nil)
        } catch {
            readers.deallocate()
            throw error
        }
    }

    deinit { engine.deallocate() }

    /// The first superblock of an empty store.
    static func format(_ memory: FuzzMemory) {
        var fields = cpm_superblock()
        fields.generation = 1
        fields.salt = 0x5a17
        fields.logOffset = layout.logOffset
        fields.logBytes = layout.logBytes
        fields.byteCount = layout.byteCount
        fields.segmentCount = 1
        fields.nextTable = Catalog.firstNamedTable
        let bytes = Superblock(fields: fields, copyBits: []).encoded()
        for (index, byte) in bytes.enumerated() {
            memory.write(UInt64(byte), at: Int(Superblock.offset(generation: 1)) + index, byteCount: 1)
        }
    }

    // MARK: Use

    /// A transaction, committed unless `body` throws.
    func write(_ body: (FuzzStore) throws(StoreError) -> Void) throws(StoreError) {
        engine.gate.enter()
        defer { engine.gate.leave() }
        if let reason = engine.poisoned { throw .commit(.poisoned(reason: reason)) }
        engine.writer.begin()
        do throws(StoreError) {
            try body(self)
            _ = try engine.writer.commitTransaction()
        } catch {
            engine.writer.abandon()
            throw error
        }
    }

    func put(_ value: [UInt8], _ key: [UInt8], table: UInt32) throws(StoreError) {
        let result: Result<Void, StoreError> = unsafe value.withUnsafeBytes { value in
            unsafe key.withUnsafeBytes { key in
                do throws(StoreError) {
                    return unsafe .success(try engine.writer.put(value, key: key, table: table))
                } catch {
                    return .failure(error)
                }
            }
        }
        try result.get()
    }

    func delete(_ key: [UInt8], table: UInt32) throws(StoreError) -> Bool {
        let result: Result<Bool, StoreError> = unsafe key.withUnsafeBytes { key in
            do throws(StoreError) {
                return unsafe .success(try engine.writer.delete(key, table: table))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    func deleteRange(_ low: [UInt8], _ high: [UInt8]?, table: UInt32) throws(StoreError) {
        let result: Result<Void, StoreError> = unsafe low.withUnsafeBytes { low in
            do throws(StoreError) {
                guard let high else {
                    _ = unsafe try engine.writer.deleteRange(low: low, high: nil, table: table)
                    return .success(())
                }
                let inner: Result<Void, StoreError> = unsafe high.withUnsafeBytes { high in
                    do throws(StoreError) {
                        _ = unsafe try engine.writer.deleteRange(low: low, high: high, table: table)
                        return .success(())
                    } catch {
                        return .failure(error)
                    }
                }
                return inner
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    func view(_ table: UInt32) throws(StoreError) -> TableView<FuzzMedium> {
        let catalog = NodeReference(raw: engine.readers.newestRoot)
        return TableView(
            space: engine.space, tree: try Catalog.table(table, in: catalog, space: engine.space))
    }

    func value(_ key: [UInt8], table: UInt32) throws(StoreError) -> [UInt8]? {
        let view = try view(table)
        let result: Result<[UInt8]?, StoreError> = unsafe key.withUnsafeBytes { key in
            do throws(StoreError) {
                let found = unsafe try view.find(key)
                return unsafe .success(found.map { unsafe [UInt8]($0) })
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Follows a table from its end to its begin.
    func scanBackward(_ table: UInt32, limit: Int) throws(StoreError) {
        let view = try view(table)
        var cursor = TreeCursor(space: view.space, root: view.tree.reference)
        try cursor.seekLast()
        var count = 0
        while cursor.isValid {
            _ = try unsafe view.pair(cursor.reference).key.count
            count += 1
            precondition(count <= limit, "table \(table) has no begin")
            try cursor.previous()
        }
    }

    /// All pairs of a table in order. A table that goes round in a circle never ends: that is a failure of its own.
    func pairs(_ table: UInt32, limit: Int) throws(StoreError) -> [(key: [UInt8], value: [UInt8])] {
        let view = try view(table)
        var cursor = TreeCursor(space: view.space, root: view.tree.reference)
        var pairs: [(key: [UInt8], value: [UInt8])] = []
        try cursor.seekFirst()
        while cursor.isValid {
            let pair = try unsafe view.pair(cursor.reference)
            unsafe pairs.append(([UInt8](pair.key), [UInt8](pair.value.prefix(100_000))))
            precondition(pairs.count <= limit, "table \(table) has no end")
            try cursor.next()
        }
        return pairs
    }
}

extension Engine {
    fileprivate var poisoned: String? { writer.poisonReason }
}
