internal import CPmem
internal import Glibc

/// Replays the commit log into the trees: step 4 of recovery.
struct LogReplay<M: Medium> {
    let writer: WriterPlace<M>
    let storeBytes: UInt64

    private var medium: M { writer.pointee.medium }

    /// What a replay has found.
    struct Outcome {
        var operations: UInt64 = 0
        /// The newest entry and the position at which it, or the pad before it, begins.
        var last: (position: UInt64, entry: LogEntryView)?
    }

    /// Applies every valid entry behind the superblock's commit.
    func run(from superblock: Superblock) throws(StoreError) -> Outcome {
        let fields = superblock.fields
        let reader = LogReader(
            medium: medium, start: fields.logOffset, capacity: fields.logBytes, salt: fields.salt,
            limit: storeBytes)
        writer.pointee.trees.protect()
        let fetch = ReplayFetch(
            medium: medium, space: writer.pointee.space, start: fields.logOffset, capacity: fields.logBytes)
        var position = fields.logPosition
        var outcome = Outcome()
        while let entry = reader.entry(at: position, commit: writer.pointee.commit + 1), isComplete(entry) {
            fetch.fetch(
                aheadOf: position, entry, table: writer.pointee.table, root: writer.pointee.tree.reference)
            try checkGeneration(entry, superblock)
            try apply(entry)
            outcome.operations += UInt64(entry.operationCount)
            outcome.last = (position, entry)
            position = entry.end
        }
        try checkTail(reader, position: position)
        writer.pointee.log.setTail(position)
        try writer.pointee.finishReplay(operations: outcome.operations)
        return outcome
    }

    /// An entry that was written when a newer superblock was durable proves that this one only stands in for it.
    /// What it names may have been reused since.
    private func checkGeneration(_ entry: LogEntryView, _ superblock: Superblock) throws(StoreError) {
        let generation = superblock.fields.generation
        guard entry.generation == UInt8(truncatingIfNeeded: generation &+ 1) else { return }
        throw .corrupted(
            .init(
                .superblock, offset: Superblock.offset(generation: generation &+ 1),
                detail:
                    "commit \(entry.commit) was made after checkpoint \(generation + 1), which is not there"))
    }

    /// Commits are serial, so nothing valid can lie behind a torn entry; where something does, data were damaged.
    private func checkTail(_ reader: LogReader<M>, position: UInt64) throws(StoreError) {
        guard let later = reader.laterEntry(than: writer.pointee.commit + 1) else { return }
        let offset = reader.start + position % reader.capacity
        throw .corrupted(
            .init(
                .commitLog, offset: offset,
                detail: "entry \(writer.pointee.commit + 1) is damaged: "
                    + "entry \(later.commit) at \(later.offset) is whole"
            ))
    }

    // MARK: Durability

    /// Starts the write-back of the newest entry and of everything that it names.
    ///
    /// After a mere kill of the process, what was stored last can be read though no fence has ever covered it. Commits
    /// are serial, so that this can only be the newest entry; what follows it must not outlive it at a power cut.
    func flush(_ last: (position: UInt64, entry: LogEntryView)) {
        let log = (start: writer.pointee.log.start, capacity: writer.pointee.log.capacity)
        let place = last.position % log.capacity
        let beyond = place + (last.entry.end - last.position)
        medium.flush(log.start + place, Int(min(beyond, log.capacity) - place))
        if beyond > log.capacity { medium.flush(log.start, Int(beyond - log.capacity)) }
        if let spill = last.entry.spill { medium.flush(spill.offset, Int(spill.byteCount)) }
        for index in 0..<last.entry.operationCount {
            let operation = last.entry.operation(index)
            if LeafEntry.kind(operation) != CPM_OPERATION_DELETE {
                flushRecord(at: LeafEntry.offset(operation))
            }
        }
    }

    /// A record of an entry that was complete: its lengths keep it within the store.
    private func flushRecord(at offset: UInt64) {
        let record = unsafe RecordPointer(medium.read(offset, Record.headerBytes))
        medium.flush(offset, record.byteCount)
        if record.isExternal { medium.flush(record.external.offset, Int(record.external.byteCount)) }
    }

    // MARK: Validity

    /// True when every record that the entry names is whole. A record that is not means that the fence never came.
    private func isComplete(_ entry: LogEntryView) -> Bool {
        for index in 0..<entry.operationCount {
            let operation = entry.operation(index)
            switch LeafEntry.kind(operation) {
            case CPM_OPERATION_PUT, CPM_OPERATION_DELETE_RANGE:
                if !isWhole(operation) { return false }
            case CPM_OPERATION_DELETE:
                // Durable before the entry was begun: no checksum is computed.
                guard let record = record(at: LeafEntry.offset(operation)) else { return false }
                _ = unsafe medium.read(LeafEntry.offset(operation), record.byteCount)
            default: return false
            }
        }
        return true
    }

    private func isWhole(_ operation: cpm_log_operation) -> Bool {
        let offset = LeafEntry.offset(operation)
        guard let head = record(at: offset) else { return false }
        let record = unsafe RecordPointer(medium.readChecked(offset, head.byteCount))
        guard record.computedChecksum(offset: offset) == operation.checksum,
            record.checksum == operation.checksum
        else { return false }
        return !record.isExternal || isWhole(record.external)
    }

    private func isWhole(_ value: cpm_external_value) -> Bool {
        guard value.offset % 64 == 0, value.offset <= storeBytes,
            value.byteCount <= storeBytes - value.offset
        else { return false }
        let bytes = unsafe medium.readChecked(value.offset, Int(value.byteCount))
        let seed = Checksum.seed(.largeValue, offset: value.offset)
        return unsafe Checksum.of(bytes, Int(value.byteCount), seed: seed) == value.checksum
    }

    /// The record at an offset, of which the header is read, as far as its lengths keep it within the store.
    private func record(at offset: UInt64) -> RecordPointer? {
        guard offset % 64 == 0, offset > 0, offset <= storeBytes,
            storeBytes - offset >= UInt64(Record.headerBytes)
        else { return nil }
        let record = unsafe RecordPointer(medium.read(offset, Record.headerBytes))
        return UInt64(record.byteCount) <= storeBytes - offset ? record : nil
    }

    // MARK: Effects

    private func apply(_ entry: LogEntryView) throws(StoreError) {
        for index in 0..<entry.operationCount { try apply(entry.operation(index)) }
        if let spill = entry.spill {
            try writer.pointee.heap.claim(spill.offset, byteCount: Int(spill.byteCount))
            writer.pointee.set.births.append(spill.offset)
            writer.pointee.set.deaths.append(spill.offset | Delta.death | Delta.spill)
        }
        writer.pointee.adoptReplayed(commit: entry.commit)
    }

    private func apply(_ operation: cpm_log_operation) throws(StoreError) {
        let offset = LeafEntry.offset(operation)
        let record = unsafe RecordPointer(medium.read(offset, Record.headerBytes))
        if LeafEntry.kind(operation) == CPM_OPERATION_DELETE {
            try writer.pointee.replayDelete(operation)
            return
        }
        guard UInt64(record.epoch) <= Superblock.epochLimit else {
            throw .corrupted(.init(.record, offset: offset, detail: "epoch \(record.epoch)"))
        }
        try claim(record, at: offset)
        writer.pointee.raiseEpoch(above: record.epoch)
        if LeafEntry.kind(operation) == CPM_OPERATION_PUT {
            try unsafe writer.pointee.replayPut(operation, key: record.key)
            if operation.table == Catalog.namesTable { writer.pointee.raiseNextTable(record) }
        } else {
            try applyRange(operation, record)
        }
    }

    private func applyRange(_ operation: cpm_log_operation, _ bounds: RecordPointer) throws(StoreError) {
        let isUnbounded = operation.replaced == 1
        let high = unsafe bounds.isExternal ? value(bounds.external) : bounds.inlineValue
        _ = try unsafe writer.pointee.removeRange(
            low: bounds.key, high: isUnbounded ? nil : high, table: operation.table)
        writer.pointee.set.deaths.append(
            LeafEntry.offset(operation) | Delta.death | (bounds.isExternal ? Delta.external : 0))
    }

    private func value(_ value: cpm_external_value) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(
            start: medium.read(value.offset, Int(value.byteCount)), count: Int(value.byteCount))
    }

    private func claim(_ record: RecordPointer, at offset: UInt64) throws(StoreError) {
        try writer.pointee.heap.claim(offset, byteCount: record.byteCount)
        writer.pointee.set.births.append(offset)
        if record.isExternal {
            let value = record.external
            try writer.pointee.heap.claim(value.offset, byteCount: Int(value.byteCount))
            writer.pointee.set.births.append(value.offset)
            writer.pointee.set.largeBytes += Int(value.byteCount)
        }
    }
}

extension Writer {
    /// One replayed commit's births and deaths join the deltas.
    mutating func adoptReplayed(commit number: UInt64) {
        for index in 0..<set.births.count { deltas.append(set.births[index]) }
        for index in 0..<set.deaths.count { deltas.append(set.deaths[index]) }
        pace.logged &+= UInt64(set.largeBytes / Pace.bytesPerOperation)
        set.clear()
        commit = number
    }

    /// The replayed trees become the state that the next commit starts from.
    mutating func finishReplay(operations: UInt64) throws(StoreError) {
        try finishTrees()
        retireReplaced(dead: commit)
        adoptCreated(born: commit)
        trees.forget()
        pace.logged &+= operations
    }

    /// Records of replayed commits may come from an epoch whose checkpoint failed.
    mutating func raiseEpoch(above recordEpoch: UInt32) {
        if epoch <= recordEpoch { epoch = recordEpoch + 1 }
    }

    /// A table number that was given out is never given out again.
    mutating func raiseNextTable(_ record: RecordPointer) {
        guard record.inlineBytes >= 4 else { return }
        let number = unsafe record.inlineValue.loadUnaligned(as: UInt32.self)
        if number >= nextTable, number < .max { nextTable = number + 1 }
    }
}
