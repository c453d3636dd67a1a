internal import CPmem

/// One walk over a store in key order, every node and every record, for a ``StateAudit``. A value: what it counts is
/// touched for every record, and would cost a check for exclusive access in a class.
@safe struct StateWalk {
    let space: NodeSpace<SimulatedMedium>
    let writer: WriterPlace<SimulatedMedium>
    let expected: ExpectedState
    /// Lines at which something reachable starts, by the number of the audit.
    let reached: UnsafeMutablePointer<UInt32>
    let lineCount: Int
    let number: UInt32
    let looksUpAll: Bool
    private var reachedCount = 0
    /// The next of the expected tables, and of the pairs.
    private var table = 0
    private var pair = 0

    init(
        space: NodeSpace<SimulatedMedium>, writer: WriterPlace<SimulatedMedium>, expected: ExpectedState,
        reached: UnsafeMutablePointer<UInt32>, lineCount: Int, number: UInt32, looksUpAll: Bool
    ) {
        self.space = space
        self.writer = writer
        self.expected = expected
        unsafe self.reached = unsafe reached
        self.lineCount = lineCount
        self.number = number
        self.looksUpAll = looksUpAll
    }

    /// What is wrong; nil when nothing is.
    mutating func failure(_ root: NodeReference) throws(StoreError) -> String? {
        if let failure = try visitCatalog(root) { return failure }
        if table != expected.tables.count { return "tables are missing" }
        return try spaceFailure()
    }

    // MARK: Contents

    private mutating func visitCatalog(_ reference: NodeReference) throws(StoreError) -> String? {
        if reference.isNone { return nil }
        let node = try space.node(reference)
        if let failure = try reach(reference) { return failure }
        for index in 0..<node.count {
            if !node.isLeaf {
                let child = unsafe NodeReference(raw: node.children[index])
                if let failure = try visitCatalog(child) { return failure }
                continue
            }
            guard table < expected.tables.count else { return "a table too many" }
            let range = expected.tables[table]
            table += 1
            if unsafe node.heads[index] != UInt64(range.number) {
                return unsafe "table \(node.heads[index]) where \(range.number) should be"
            }
            let root = unsafe NodeReference(raw: node.records[index])
            if let failure = try visitTable(root, range) { return failure }
        }
        return nil
    }

    private mutating func visitTable(
        _ root: NodeReference, _ table: ExpectedState.TableRange
    ) throws(StoreError) -> String? {
        let pairs = try space.node(root).pairs(at: .max)
        let view = TableView(space: space, tree: TreeState(root: root, pairs: pairs))
        if looksUpAll, let failure = lookUpAll(table, view) { return failure }
        if Int(pairs) != table.count { return "table \(table.number) has \(pairs) pairs, not \(table.count)" }
        pair = table.first
        let end = table.first + table.count
        if let failure = try visit(root, end: end) { return "table \(table.number): \(failure)" }
        if pair != end { return "table \(table.number) ends at pair \(pair - table.first)" }
        // A descent as a reader makes it, to a pair that differs from audit to audit.
        let sought = table.first + Int(number) % table.count
        return try isFound(sought, view)
            ? nil : "table \(table.number): pair \(sought - table.first) cannot be found"
    }

    private func isFound(_ index: Int, _ view: TableView<SimulatedMedium>) throws(StoreError) -> Bool {
        guard let value = try unsafe view.find(expected.key(index)) else { return false }
        return unsafe expected.isValue(index, value)
    }

    private func lookUpAll(
        _ table: ExpectedState.TableRange, _ view: TableView<SimulatedMedium>
    ) -> String? {
        for index in table.first..<(table.first + table.count) {
            do throws(StoreError) {
                if try !isFound(index, view) {
                    return "table \(table.number): pair \(index - table.first) cannot be found"
                }
            } catch {
                continue
            }
        }
        return nil
    }

    private mutating func visit(_ reference: NodeReference, end: Int) throws(StoreError) -> String? {
        let node = try space.node(reference)
        if let failure = try reach(reference) { return failure }
        for index in 0..<node.count {
            if !node.isLeaf {
                let child = unsafe NodeReference(raw: node.children[index])
                if let failure = try visit(child, end: end) { return failure }
                continue
            }
            if pair == end { return "a pair too many" }
            let record = unsafe node.records[index]
            if unsafe try !expected.isValue(pair, space.value(record)) {
                return "another value at pair \(pair)"
            }
            if unsafe !expected.isKey(pair, space.record(record).key) { return "another key at pair \(pair)" }
            pair += 1
            if let failure = try reachRecord(record) { return failure }
        }
        return nil
    }

    // MARK: Space

    private mutating func reach(_ reference: NodeReference) throws(StoreError) -> String? {
        if !reference.isResident { return try reach(reference.offset) }
        let place = unsafe NodePointer(resident: reference).header.pointee.place & ~NodeLayout.placeDead
        return place == 0 ? nil : try reach(NodeReference(raw: place).offset)
    }

    private mutating func reachRecord(_ reference: UInt64) throws(StoreError) -> String? {
        if let failure = try reach(RecordReference(raw: reference).offset) { return failure }
        let record = space.record(reference)
        return record.isExternal ? try reach(record.external.offset) : nil
    }

    /// Something lies here: it must be taken, and by nothing else.
    private mutating func reach(_ offset: UInt64) throws(StoreError) -> String? {
        let line = Int(offset >> 6)
        guard line < lineCount else { return "offset \(offset) is beyond the store" }
        if unsafe reached[line] == number { return "offset \(offset) is reached twice" }
        unsafe reached[line] = number
        reachedCount += 1
        let index = ChunkMap.index(offset)
        let chunk = unsafe writer.pointee.heap.map[index]
        if unsafe chunk.pointee.kind == Chunk.run {
            return offset == UInt64(index) << Space.chunkShift ? nil : "offset \(offset) is within a run"
        }
        guard let slot = unsafe ChunkMap.slot(chunk, offset) else { return "no slot starts at \(offset)" }
        try writer.pointee.heap.loadBusy(index)
        guard let words = unsafe chunk.pointee.busyWords,
            unsafe words[slot >> 6] >> UInt64(slot & 63) & 1 == 1
        else { return "offset \(offset) is reachable, and free" }
        return nil
    }

    /// What is taken must be reachable, or have died since the last checkpoint.
    private mutating func spaceFailure() throws(StoreError) -> String? {
        let deltas = writer.pointee.deltas
        for index in 0..<deltas.count {
            let word = deltas[index]
            if word & Delta.death == 0 { continue }
            if let failure = try reach(Delta.offset(word)) { return "dead \(failure)" }
            if word & Delta.external != 0 {
                let record = unsafe RecordPointer(
                    space.medium.read(Delta.offset(word), Record.headerBytes))
                guard record.computedChecksum(offset: Delta.offset(word)) == record.checksum else {
                    throw .corrupted(
                        .init(.record, offset: Delta.offset(word), detail: "of a large value that has died"))
                }
                if let failure = try reach(record.external.offset) { return "dead \(failure)" }
            }
        }
        return try countFailure()
    }

    /// As many slots are taken as are reachable or dying, and what is counted beside the bitmaps agrees with them.
    private func countFailure() throws(StoreError) -> String? {
        var (taken, free) = (0, 0)
        for index in 0..<writer.pointee.heap.chunkCount {
            let chunk = unsafe writer.pointee.heap.map[index]
            switch unsafe chunk.pointee.kind {
            case Chunk.free: free += 1
            case Chunk.run: taken += 1
            case let kind where Chunk.sizeClass(kind) != nil:
                try writer.pointee.heap.loadBusy(index)
                let slots = unsafe Self.takenSlots(chunk)
                let counted = unsafe Int(chunk.pointee.slotCount) - Int(chunk.pointee.freeSlots)
                if counted != slots { return "chunk \(index) counts \(counted) slots as taken, not \(slots)" }
                taken += slots
            default: break
            }
        }
        if free != writer.pointee.heap.freeChunks {
            return "\(writer.pointee.heap.freeChunks) chunks are counted as free, not \(free)"
        }
        return taken == reachedCount ? nil : "\(taken) slots are taken, \(reachedCount) reachable or dying"
    }

    private static func takenSlots(_ chunk: UnsafeMutablePointer<Chunk>) -> Int {
        guard let words = unsafe chunk.pointee.busyWords else { return 0 }
        let taken = unsafe Int(cpm_count_bits(words, UInt64(chunk.pointee.words)))
        // Bits behind the last slot are set, so that nobody takes them.
        return unsafe taken - (chunk.pointee.words * 64 - Int(chunk.pointee.slotCount))
    }
}
