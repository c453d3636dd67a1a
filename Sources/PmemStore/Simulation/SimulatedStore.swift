internal import CPmem

/// A running store over simulated memory, without its tree of files.
package final class SimulatedStore {
    package let memory: SimulatedMemory
    package let layout: SimulatedLayout
    package let engine: Engine<SimulatedMedium>

    /// Recovers what the memory holds.
    package init(_ memory: SimulatedMemory, layout: SimulatedLayout) throws(StoreError) {
        self.memory = memory
        self.layout = layout
        let readers = ReaderTable()
        do throws(StoreError) {
            engine = Engine(
                recovered: try layout.recovery(memory).recover(
                    options: SimulatedLayout.options, readers: readers),
                readers: readers,
                checkpointMedium: SimulatedMedium(memory: memory, role: .checkpointer),
                growth: layout.directory.map { SimulatedGrowth(memory: memory, directory: $0) },
                quotaBytes: layout.directory.map(\.addressBytes))
        } catch {
            readers.deallocate()
            throw error
        }
    }

    deinit { engine.deallocate() }

    package var commit: UInt64 { engine.readers.newestCommit }

    // MARK: Transactions

    /// Runs a transaction up to its commit, or its end, which `body` makes.
    package func transact<R>(_ body: () throws -> R) throws -> R {
        engine.gate.enter()
        defer { engine.gate.leave() }
        engine.writer.begin()
        do {
            return try body()
        } catch {
            engine.writer.abandon()
            throw error
        }
    }

    package func put(_ value: [UInt8], key: [UInt8], table: UInt32) throws {
        try unsafe value.withUnsafeBytes { value in
            try unsafe key.withUnsafeBytes { unsafe try engine.writer.put(value, key: $0, table: table) }
        }
    }

    /// Puts a value that is built in place, in room for `room` bytes.
    package func construct(_ value: [UInt8], room: Int, key: [UInt8], table: UInt32) throws {
        try unsafe key.withUnsafeBytes { key in
            try unsafe engine.writer.put(byteCount: room, key: key, table: table) { place in
                unsafe place.copyBytes(from: value)
                return value.count
            }
        }
    }

    package func delete(_ key: [UInt8], table: UInt32) throws {
        _ = try unsafe key.withUnsafeBytes { try unsafe engine.writer.delete($0, table: table) }
    }

    package func deleteRange(low: [UInt8], high: [UInt8]?, table: UInt32) throws {
        try unsafe low.withUnsafeBytes { low in
            guard let high else {
                _ = try unsafe engine.writer.deleteRange(low: low, high: nil, table: table)
                return
            }
            _ = try unsafe high.withUnsafeBytes {
                try unsafe engine.writer.deleteRange(low: low, high: $0, table: table)
            }
        }
    }

    package func savepoint(rollsBack: Bool, _ body: () throws -> Void) throws {
        let mark = try engine.writer.mark()
        try body()
        if rollsBack { try engine.writer.rollBack(to: mark) }
    }

    package func commitTransaction() throws -> UInt64 { try engine.writer.commitTransaction() }

    package func abandon() { engine.writer.abandon() }

    package func checkpoint(isClosing: Bool = false) throws(StoreError) {
        try engine.checkpoint(isClosing: isClosing)
    }

    /// Adds segments as the background does.
    package func growIfDue() throws(StoreError) { while try engine.growIfDue() {} }

    /// Gives segments at the end back that hold nothing.
    @discardableResult
    package func shrink() throws(StoreError) -> Int { try engine.shrink() }

    /// Chunks of all segments.
    package var chunkCount: Int { engine.writer.heap.chunkCount }

    // MARK: Views

    package func view(_ table: UInt32) throws(StoreError) -> TableView<SimulatedMedium> {
        let catalog = NodeReference(raw: engine.readers.newestRoot)
        return TableView(
            space: engine.space, tree: try Catalog.table(table, in: catalog, space: engine.space))
    }

    /// As a reader of a pinned commit sees it.
    package func view(
        _ table: UInt32, _ pin: ReaderTable.Pin
    ) throws(StoreError) -> TableView<SimulatedMedium> {
        let space = engine.space.seeing(pin.commit)
        return TableView(
            space: space, tree: try Catalog.table(table, in: NodeReference(raw: pin.root), space: space))
    }

    /// Position in the ring at which the next entry begins, bytes in use, and the ring's size.
    package var log: (tail: UInt64, usedBytes: UInt64, capacity: UInt64) {
        (engine.writer.log.tail, engine.writer.log.usedBytes, engine.writer.log.capacity)
    }

    /// Offset and length of what superblock, tables, nodes, bitmaps and records of the last checkpoint take.
    package func structuralFailure() -> String? {
        do throws(StoreError) {
            var check = TreeCheck(space: engine.space)
            let catalog = NodeReference(raw: engine.readers.newestRoot)
            try check.check(TreeState(root: catalog, pairs: 0, isCatalog: true))
            if !catalog.isNone { try checkTables(catalog, &check) }
            return check.failures.first
        } catch {
            return "checking failed: \(error)"
        }
    }

    private func checkTables(
        _ catalog: NodeReference, _ check: inout TreeCheck<SimulatedMedium>
    ) throws(StoreError) {
        let node = try engine.space.node(catalog)
        for index in 0..<node.count {
            let child = unsafe NodeReference(raw: (node.isLeaf ? node.records : node.children)[index])
            if node.isLeaf {
                let pairs = try engine.space.node(child).pairs(at: .max)
                try check.check(TreeState(root: child, pairs: pairs))
            } else {
                try checkTables(child, &check)
            }
        }
    }
}
