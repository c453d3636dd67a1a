internal import PmemStoreTesting
import Testing

@testable internal import PmemStore
@testable internal import StoreFuzzing

/// Heaps that somebody else has taken away: what the bounds of a commit are there to prevent is an error all the same.
@Suite("Space: nothing left for a checkpoint", .serialized)
struct FullHeapTests {
    private func makeStore() throws -> (FuzzStore, FuzzMemory) {
        let memory = FuzzMemory(byteCount: Int(FuzzStore.layout.byteCount))
        FuzzStore.format(memory)
        return (try FuzzStore(memory), memory)
    }

    private func expectFull(_ body: () throws -> Void) {
        do {
            try body()
            Issue.record("there was room")
        } catch StoreError.commit(.full(_, let needed)) {
            #expect(needed > 0)
        } catch {
            Issue.record("\(error)")
        }
    }

    /// Keys of 400 bytes that tell apart at their ends only, in groups that tell apart at their beginnings: separators
    /// stay long, and inner nodes become larger than a node's slot.
    private func fillWithLongKeys(_ store: FuzzStore) throws {
        for group in UInt8(0)..<60 {
            try store.write { (store) throws(StoreError) in
                for number in UInt8(0)..<40 {
                    try store.put([number], [UInt8](repeating: group, count: 398) + [number, 1], table: 1)
                }
            }
        }
    }

    /// Takes what `next` finds, saves in vain, gives it back, and saves.
    private func expectRefusal(
        _ store: FuzzStore, _ memory: FuzzMemory,
        takingAllThat next: (inout RecordHeap<FuzzMedium>) throws -> UInt64?
    ) throws {
        let expected = try store.pairs(1, limit: 10_000)
        var taken: [UInt64] = []
        while let offset = try next(&store.engine.writer.heap) { taken.append(offset) }
        expectFull { try store.engine.checkpoint() }
        #expect(store.engine.poisonReason() == nil)
        for offset in taken { try store.engine.writer.heap.release(offset) }
        #expect(try store.engine.checkpoint())
        let reopened = try FuzzStore(memory)
        #expect(reopened.engine.replayedOperations == 0)
        let found = try reopened.pairs(1, limit: 10_000)
        #expect(found.elementsEqual(expected) { $0.key == $1.key && $0.value == $1.value })
    }

    @Test("No slot for a node: the checkpoint is refused, and the next one saves everything")
    func nodes() throws {
        let (store, memory) = try makeStore()
        try store.write { (store) throws(StoreError) in
            for number in UInt8(0)..<200 { try store.put([number], [number], table: 1) }
        }
        try expectRefusal(store, memory) { heap in
            try heap.allocate(sizeClass: SizeClass.node, mayUseReserve: true)
        }
    }

    @Test("No room for a node that is larger than a slot: the same")
    func largeNodes() throws {
        let (store, memory) = try makeStore()
        try store.write { (store) throws(StoreError) in try store.put([1], [1], table: 1) }
        try store.engine.checkpoint()
        try fillWithLongKeys(store)
        try expectRefusal(store, memory) { heap in
            heap.allocateRun(Space.chunkBytes, mayUseReserve: true)
        }
    }

    @Test("A writer whom nobody makes room for says that the store is full")
    func alone() throws {
        let (store, _) = try makeStore()
        let put = { (number: Int) throws(StoreError) in
            try store.write { (store) throws(StoreError) in
                try store.put([1], [UInt8(number & 255), UInt8(number >> 8)], table: 1)
            }
        }
        try put(0)
        let maintenance = store.engine.writer.maintenance
        store.engine.writer.maintenance = nil
        store.engine.writer.heap.nodeRoom.addDirty(1_000_000)
        expectFull { try put(1) }
        store.engine.writer.heap.nodeRoom.addDirty(-1_000_000)
        expectFull { for number in 1..<10_000 { try put(number) } }
        store.engine.writer.maintenance = maintenance
        try put(10_000)
    }

    @Test("A slot that is given back and was not taken stops the writer")
    func wrongBooks() throws {
        let (store, memory) = try makeStore()
        try store.write { (store) throws(StoreError) in try store.put([1], [1], table: 1) }
        store.engine.writer.giveBack(FuzzStore.layout.byteCount - 64)
        #expect(throws: StoreError.self) {
            try store.write { (store) throws(StoreError) in try store.put([2], [1], table: 1) }
        }
        #expect(throws: StoreError.self) { try store.engine.checkpointer.removeLastSegment() }
        #expect(try store.value([1], table: 1) == [1])
        #expect(try FuzzStore(memory).value([1], table: 1) == [1])
    }

    @Test("The only segment stays")
    func onlySegment() throws {
        let (store, _) = try makeStore()
        #expect(try store.engine.checkpointer.removeLastSegment() == nil)
    }
}
