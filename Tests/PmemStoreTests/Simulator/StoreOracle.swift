internal import CPmem
internal import Glibc

@testable internal import PmemStore

/// Says what is wrong with a recovered store. Strict: a corruption report without damage is a failure too.
struct StoreOracle {
    let layout: SimulatedLayout
    /// Tables that a workload may use.
    static let tables: [UInt32] = [0, 1, 2, 3]

    // MARK: Contents

    /// What differs between a store and the model; nil when nothing does.
    func difference(_ store: SimulatedStore, _ model: CrashModel) -> String? {
        do throws(StoreError) {
            for table in Self.tables {
                if let found = try difference(store, model.pairs(table), table: table) { return found }
            }
            return nil
        } catch {
            return "reading failed: \(error)"
        }
    }

    private func difference(
        _ store: SimulatedStore, _ pairs: [CrashModel.Pair], table: UInt32
    ) throws(StoreError) -> String? {
        let view = try store.view(table)
        if view.count != pairs.count {
            return "table \(table) has \(view.count) pairs instead of \(pairs.count)"
        }
        var cursor = TreeCursor(space: view.space, root: view.tree.reference)
        try cursor.seekFirst()
        for pair in pairs {
            guard cursor.isValid else { return "table \(table) ends before \(pair.key)" }
            let found = try unsafe view.pair(cursor.reference)
            if unsafe !Self.isEqual(found.key, pair.key) {
                return "table \(table): another key than \(pair.key)"
            }
            if unsafe !Self.isEqual(found.value, pair.value) {
                return "table \(table): another value of \(pair.key)"
            }
            try cursor.next()
        }
        return cursor.isValid ? "table \(table) goes on behind its end" : nil
    }

    private static func isEqual(_ left: UnsafeRawBufferPointer, _ right: [UInt8]) -> Bool {
        if left.count != right.count { return false }
        guard let start = left.baseAddress, left.count > 0 else { return true }
        return unsafe right.withUnsafeBytes { bytes in
            guard let other = bytes.baseAddress else { return true }
            return unsafe memcmp(start, other, left.count) == 0
        }
    }

    // MARK: Structure

    /// What is wrong with the trees and with the books about space. Only where nothing is in the log.
    func structuralFailure(_ store: SimulatedStore) -> String? {
        do throws(StoreError) {
            var check = TreeCheck(space: store.engine.space)
            let catalog = NodeReference(raw: store.engine.readers.newestRoot)
            try check.check(TreeState(root: catalog, pairs: 0, isCatalog: true))
            for table in Self.tables { try check.check(store.view(table).tree) }
            if let failure = check.failures.first { return failure }
            return try leak(store, check)
        } catch {
            return "checking failed: \(error)"
        }
    }

    /// The difference, in both directions, between what is reachable and what is taken.
    private func leak(_ store: SimulatedStore, _ check: TreeCheck<SimulatedMedium>) throws(StoreError)
        -> String?
    {
        var reachable = Set(check.nodesOnMedium.map(\.offset))
        for reference in check.records {
            let record = store.engine.space.record(reference)
            reachable.insert(RecordReference(raw: reference).offset)
            if record.isExternal { reachable.insert(record.external.offset) }
        }
        return Self.difference("what is taken", try Self.taken(store), "what is reachable", reachable)
    }

    private static func difference(
        _ name: String, _ left: Set<UInt64>, _ otherName: String, _ right: Set<UInt64>
    ) -> String? {
        if left == right { return nil }
        return "only in \(name): \(left.subtracting(right).sorted().prefix(4)), "
            + "only in \(otherName): \(right.subtracting(left).sorted().prefix(4))"
    }

    /// Offsets of all slots and runs that may not be given out.
    static func taken(_ store: SimulatedStore) throws(StoreError) -> Set<UInt64> {
        var taken: Set<UInt64> = []
        for index in 0..<store.engine.writer.heap.chunkCount {
            let chunk = unsafe store.engine.checkpointer.map[index]
            let start = UInt64(index) << Space.chunkShift
            if unsafe chunk.pointee.kind == Chunk.run { taken.insert(start) }
            guard unsafe Chunk.sizeClass(chunk.pointee.kind) != nil else { continue }
            try store.engine.writer.heap.loadBusy(index)
            guard let words = unsafe chunk.pointee.busyWords else { continue }
            let (count, bytes) = unsafe (Int(chunk.pointee.slotCount), Int(chunk.pointee.slotBytes))
            let first = unsafe start + UInt64(chunk.pointee.slotsStart)
            for word in unsafe 0..<chunk.pointee.words {
                var bits = unsafe words[word]
                while bits != 0 {
                    let slot = word * 64 + bits.trailingZeroBitCount
                    bits &= bits - 1
                    if slot < count {
                        taken.insert(first + UInt64(slot * bytes))
                    }
                }
            }
        }
        return taken
    }

    // MARK: A crash image

    /// Recovers a memory and compares. `allowed` has the states it may be in, by commit number.
    ///
    /// - Parameter isThorough: also uses the store: probe transactions, checkpoint, recovery again, all compared.
    func failure(
        in memory: SimulatedMemory, allowed: [UInt64: CrashModel], isThorough: Bool
    ) -> (recovered: UInt64?, failure: String?) {
        let store: SimulatedStore
        do throws(StoreError) {
            store = try SimulatedStore(memory, layout: layout)
        } catch {
            return (nil, "recovery refused: \(error)")
        }
        let commit = store.commit
        guard let model = allowed[commit] else {
            return (commit, "recovered commit \(commit) instead of one of \(allowed.keys.sorted())")
        }
        if let failure = difference(store, model) { return (commit, "commit \(commit): \(failure)") }
        return (commit, isThorough ? failureInUse(store, model) : nil)
    }

    private func failureInUse(_ store: SimulatedStore, _ start: CrashModel) -> String? {
        var model = start
        do {
            for step in 0..<3 {
                let operations = Self.probe(step, model)
                do {
                    try store.commit(operations)
                    for operation in operations { operation.apply(to: &model) }
                } catch StoreError.commit(.full) {
                    // Nothing must have happened then.
                }
            }
            try store.engine.checkpoint()
            if let failure = difference(store, model) { return "after probes: \(failure)" }
            // A checkpoint's own old nodes and the space of its commits are free once it is durable.
            try store.engine.checkpoint()
            let taken = try Self.taken(store)
            let again = try SimulatedStore(store.memory, layout: layout)
            if again.commit != store.commit { return "recovered again: commit \(again.commit)" }
            if let failure = difference(again, model) { return "recovered again: \(failure)" }
            if let failure = structuralFailure(again) { return "recovered again: \(failure)" }
            return Self.difference("the heap in use", taken, "the recovered one", try Self.taken(again))
        } catch {
            return "use after recovery failed: \(error)"
        }
    }

    private static func probe(_ step: Int, _ model: CrashModel) -> [ModelOperation] {
        let key = Array("probe \(step)".utf8)
        switch step {
        case 0: return [.put([1, 2, 3], key: key, table: 1)]
        case 1:
            guard let first = model.pairs(1).first?.key else { return [.put([], key: key, table: 2)] }
            return [.delete(first, table: 1), .put(key, key: first + [0], table: 2)]
        default: return [.put(Array(repeating: 7, count: 300), key: Array("probe 0".utf8), table: 1)]
        }
    }
}
