internal import CPmem

/// Compares what a store holds with what it should hold, and the space that its trees reach with the space that is
/// taken, in both directions.
///
/// One walk in key order: every node, every record. Meant to run for every crash image, so it keeps its memory.
@safe package final class StateAudit {
    /// Lines at which something reachable starts, by the number of the audit.
    private let reached: UnsafeMutablePointer<UInt32>
    private let lineCount: Int
    private var number: UInt32 = 0
    private var reachedCount = 0
    private var position = 0
    /// What reading has thrown in the last audit.
    private(set) var error: StoreError?
    /// Where the last audit has failed without that: the first record that a verified read refuses.
    private(set) var rot: StoreError?
    private var lookups: UInt64 = 0
    /// Every pair is looked up, before any is met in order. A typed error does not end that.
    package var looksUpAll = false

    package init(byteCount: Int) {
        lineCount = byteCount >> 6
        unsafe reached = unsafe Virtual.allocate(UInt32.self, count: lineCount)
    }

    deinit { unsafe Virtual.deallocate(reached, count: lineCount) }

    /// What is wrong; nil when nothing is.
    package func failure(_ store: SimulatedStore, _ expected: ExpectedState) -> String? {
        failure(
            store.engine.space, root: store.engine.readers.newestRoot, writer: store.engine.writerPlace,
            expected)
    }

    func failure(
        _ space: NodeSpace<SimulatedMedium>, root: UInt64, writer: WriterPlace<SimulatedMedium>,
        _ expected: ExpectedState
    ) -> String? {
        number &+= 1
        (error, rot) = (nil, nil)
        reachedCount = 0
        position = 0
        do throws(StoreError) {
            let failure = try contentFailure(NodeReference(raw: root), space, writer, expected)
            if failure != nil { rot = firstRefusal(NodeReference(raw: root), space) }
            return failure
        } catch {
            self.error = error
            return "reading failed: \(error)"
        }
    }

    private func contentFailure(
        _ root: NodeReference, _ space: NodeSpace<SimulatedMedium>, _ writer: WriterPlace<SimulatedMedium>,
        _ expected: ExpectedState
    ) throws(StoreError) -> String? {
        if let failure = try visitCatalog(root, space, writer, expected, &position) { return failure }
        if position != expected.tables.count { return "tables are missing" }
        return try spaceFailure(space, writer)
    }

    /// Reads every record, whatever the order.
    private func firstRefusal(_ root: NodeReference, _ space: NodeSpace<SimulatedMedium>) -> StoreError? {
        do throws(StoreError) {
            try readAll(root, space)
            return nil
        } catch {
            return error
        }
    }

    private func readAll(
        _ reference: NodeReference, _ space: NodeSpace<SimulatedMedium>
    ) throws(StoreError) {
        if reference.isNone { return }
        let node = try space.node(reference)
        for index in 0..<node.count {
            if !node.isLeaf {
                try unsafe readAll(NodeReference(raw: node.children[index]), space)
            } else if node.isCatalog {
                try unsafe readAll(NodeReference(raw: node.records[index]), space)
            } else {
                _ = try unsafe space.value(node.records[index])
            }
        }
    }

    // MARK: Contents

    private func visitCatalog(
        _ reference: NodeReference, _ space: NodeSpace<SimulatedMedium>,
        _ writer: WriterPlace<SimulatedMedium>, _ expected: ExpectedState, _ next: inout Int
    ) throws(StoreError) -> String? {
        if reference.isNone { return nil }
        let node = try space.node(reference)
        if let failure = try reach(reference, writer) { return failure }
        for index in 0..<node.count {
            if !node.isLeaf {
                let child = unsafe NodeReference(raw: node.children[index])
                if let failure = try visitCatalog(child, space, writer, expected, &next) { return failure }
                continue
            }
            guard next < expected.tables.count else { return "a table too many" }
            let table = expected.tables[next]
            next += 1
            if unsafe node.heads[index] != UInt64(table.number) {
                return unsafe "table \(node.heads[index]) where \(table.number) should be"
            }
            let root = unsafe NodeReference(raw: node.records[index])
            if let failure = try visitTable(root, table, space, writer, expected) { return failure }
        }
        return nil
    }

    private func visitTable(
        _ root: NodeReference, _ table: ExpectedState.TableRange, _ space: NodeSpace<SimulatedMedium>,
        _ writer: WriterPlace<SimulatedMedium>, _ expected: ExpectedState
    ) throws(StoreError) -> String? {
        let pairs = try space.node(root).pairs(at: .max)
        let view = TableView(space: space, tree: TreeState(root: root, pairs: pairs))
        if looksUpAll, let failure = lookUpAll(table, view, expected) { return failure }
        if Int(pairs) != table.count { return "table \(table.number) has \(pairs) pairs, not \(table.count)" }
        var next = table.first
        let end = table.first + table.count
        if let failure = try visit(root, space, writer, expected, &next, end: end) {
            return "table \(table.number): \(failure)"
        }
        if next != end { return "table \(table.number) ends at pair \(next - table.first)" }
        // A descent as a reader makes it, to a pair that differs from audit to audit.
        lookups &+= 1
        let sought = table.first + Int(lookups % UInt64(table.count))
        return try isFound(sought, view, expected)
            ? nil : "table \(table.number): pair \(sought - table.first) cannot be found"
    }

    private func isFound(
        _ index: Int, _ view: TableView<SimulatedMedium>, _ expected: ExpectedState
    ) throws(StoreError) -> Bool {
        guard let value = try unsafe view.find(expected.key(index)) else { return false }
        return unsafe expected.isValue(index, value)
    }

    private func lookUpAll(
        _ table: ExpectedState.TableRange, _ view: TableView<SimulatedMedium>, _ expected: ExpectedState
    ) -> String? {
        for index in table.first..<(table.first + table.count) {
            do throws(StoreError) {
                if try !isFound(index, view, expected) {
                    return "table \(table.number): pair \(index - table.first) cannot be found"
                }
            } catch {
                continue
            }
        }
        return nil
    }

    private func visit(
        _ reference: NodeReference, _ space: NodeSpace<SimulatedMedium>,
        _ writer: WriterPlace<SimulatedMedium>, _ expected: ExpectedState, _ next: inout Int, end: Int
    ) throws(StoreError) -> String? {
        let node = try space.node(reference)
        if let failure = try reach(reference, writer) { return failure }
        for index in 0..<node.count {
            if !node.isLeaf {
                let child = unsafe NodeReference(raw: node.children[index])
                if let failure = try visit(child, space, writer, expected, &next, end: end) { return failure }
                continue
            }
            if next == end { return "a pair too many" }
            let record = unsafe node.records[index]
            if unsafe try !expected.isValue(next, space.value(record)) {
                return "another value at pair \(next)"
            }
            if unsafe !expected.isKey(next, space.record(record).key) { return "another key at pair \(next)" }
            next += 1
            if let failure = try reachRecord(record, space, writer) { return failure }
        }
        return nil
    }

    // MARK: Space

    private func reach(
        _ reference: NodeReference, _ writer: WriterPlace<SimulatedMedium>
    ) throws(StoreError) -> String? {
        if !reference.isResident { return try reach(reference.offset, writer) }
        let place = unsafe NodePointer(resident: reference).header.pointee.place & ~NodeLayout.placeDead
        return place == 0 ? nil : try reach(NodeReference(raw: place).offset, writer)
    }

    private func reachRecord(
        _ reference: UInt64, _ space: NodeSpace<SimulatedMedium>, _ writer: WriterPlace<SimulatedMedium>
    ) throws(StoreError) -> String? {
        if let failure = try reach(RecordReference(raw: reference).offset, writer) { return failure }
        let record = space.record(reference)
        return record.isExternal ? try reach(record.external.offset, writer) : nil
    }

    /// Something lies here: it must be taken, and by nothing else.
    private func reach(
        _ offset: UInt64, _ writer: WriterPlace<SimulatedMedium>
    ) throws(StoreError) -> String? {
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
    private func spaceFailure(
        _ space: NodeSpace<SimulatedMedium>, _ writer: WriterPlace<SimulatedMedium>
    ) throws(StoreError) -> String? {
        let deltas = writer.pointee.deltas
        for index in 0..<deltas.count {
            let word = deltas[index]
            if word & Delta.death == 0 { continue }
            if let failure = try reach(Delta.offset(word), writer) { return "dead \(failure)" }
            if word & Delta.external != 0 {
                let record = unsafe RecordPointer(
                    space.medium.read(Delta.offset(word), Record.headerBytes))
                guard record.computedChecksum(offset: Delta.offset(word)) == record.checksum else {
                    throw .corrupted(
                        .init(.record, offset: Delta.offset(word), detail: "of a large value that has died"))
                }
                if let failure = try reach(record.external.offset, writer) { return "dead \(failure)" }
            }
        }
        return try countFailure(writer)
    }

    /// As many slots are taken as are reachable or dying, and what is counted beside the bitmaps agrees with them.
    private func countFailure(_ writer: WriterPlace<SimulatedMedium>) throws(StoreError) -> String? {
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
        var taken = 0
        for word in unsafe 0..<chunk.pointee.words { taken += unsafe words[word].nonzeroBitCount }
        // Bits behind the last slot are set, so that nobody takes them.
        return unsafe taken - (chunk.pointee.words * 64 - Int(chunk.pointee.slotCount))
    }
}
