internal import CPmem
import Testing

@testable internal import PmemStore

/// The heap and its books at their edges, where no transaction of a sound store comes.
@Suite("Space: slots and runs")
struct RecordHeapTests {
    private static let chunkBytes = UInt64(Space.chunkBytes)

    private func withHeap(
        chunks: Int, reservedBytes: Int = 0, _ body: (inout RecordHeap<HeapMedium>, ChunkMap) throws -> Void
    ) throws {
        let map = try ChunkMap(addressBytes: UInt64(chunks) * Self.chunkBytes)
        defer { map.deallocate(count: chunks) }
        var heap = RecordHeap(medium: HeapMedium(byteCount: chunks * Space.chunkBytes), map: map)
        heap.addChunks(first: 0, count: chunks, reservedBytes: reservedBytes)
        try body(&heap, map)
    }

    /// Slots of records of so many bytes in a chunk, in order.
    private static func slots(_ byteCount: Int, chunk: Int) throws -> [UInt64] {
        let sizeClass = try #require(SizeClass.index(for: byteCount))
        let geometry = ChunkGeometry(sizeClass: sizeClass, reservedBytes: 0)
        return (0..<geometry.slotCount).map {
            UInt64(chunk) * chunkBytes + UInt64(geometry.slotsStart + $0 * geometry.slotBytes)
        }
    }

    private func expectDamage(
        _ structure: StoreError.Corruption.Structure, _ part: String, _ body: () throws -> Void
    ) {
        do {
            try body()
            Issue.record("nobody has noticed")
        } catch StoreError.corrupted(let corruption) {
            #expect(corruption.structure == structure)
            #expect(corruption.detail.contains(part), "\(corruption.detail)")
        } catch {
            Issue.record("\(error)")
        }
    }

    // MARK: Damage

    @Test("A descriptor for a chunk that the segment's head takes is damage")
    func reservedChunk() throws {
        try withHeap(chunks: 3, reservedBytes: Space.chunkBytes) { heap, _ in
            expectDamage(.chunkTable, "two kinds") {
                try heap.restore(0, descriptor: UInt64(CPM_CHUNK_SLAB))
            }
        }
    }

    @Test("What replay claims beyond the store, or twice, is damage")
    func claims() throws {
        try withHeap(chunks: 4) { heap, _ in
            expectDamage(.chunkTable, "beyond the store") {
                try heap.claim(4 * Self.chunkBytes, byteCount: 100)
            }
            expectDamage(.chunkTable, "run of 2") {
                try heap.claim(3 * Self.chunkBytes, byteCount: 2 * Space.chunkBytes)
            }
            let slot = try Self.slots(100, chunk: 1)[7]
            try heap.claim(slot, byteCount: 100)
            expectDamage(.chunkTable, "is taken") { try heap.claim(slot, byteCount: 100) }
            expectDamage(.chunkTable, "taken where a run of 2 lies") {
                try heap.claim(0, byteCount: 2 * Space.chunkBytes)
            }
        }
    }

    @Test("A slot that is given back twice is damage")
    func releasedTwice() throws {
        try withHeap(chunks: 4) { heap, _ in
            let slot = try #require(try heap.allocate(byteCount: 100))
            try heap.release(slot)
            expectDamage(.chunkTable, "is free already") { try heap.release(slot) }
        }
    }

    @Test("A slot that is born twice, or dies beyond the store, is damage")
    func births() throws {
        try withHeap(chunks: 4) { heap, map in
            var live = LiveMap(medium: HeapMedium(byteCount: 4 * Space.chunkBytes), map: map)
            let slot = try #require(try heap.allocate(byteCount: 100))
            try live.born(slot)
            expectDamage(.bitmap, "born twice") { try live.born(slot) }
            expectDamage(.bitmap, "died beyond the store") { try live.died(4 * Self.chunkBytes) }
        }
    }

    @Test("A death beyond the store is damage for the books too, that of a record and that of its value")
    func ledgerDeaths() throws {
        try withHeap(chunks: 4) { heap, map in
            let medium = HeapMedium(byteCount: 4 * Space.chunkBytes)
            // Far beyond the memory of the map.
            let beyond = UInt64(1) << 45
            var books = SpaceLedger(medium: medium, map: map)
            books.add([beyond | Delta.death])
            expectDamage(.bitmap, "died beyond the store") { try books.apply() }
            let record = try #require(try heap.allocate(byteCount: 100))
            // A record without a key, of which only the place of its value is ever looked at.
            unsafe (medium.base + Int(record) + Record.headerBytes).storeBytes(of: beyond, as: UInt64.self)
            var others = SpaceLedger(medium: medium, map: map)
            others.add([record, record | Delta.death | Delta.external])
            expectDamage(.bitmap, "died beyond the store") { try others.apply() }
        }
    }

    @Test("What dies counts with the bytes of its slot or run in the mean")
    func meanOfTheDead() throws {
        try withHeap(chunks: 8) { heap, map in
            let small = try #require(try heap.allocate(byteCount: 128))
            let large = try #require(try heap.allocate(byteCount: 2 * Space.chunkBytes))
            var books = SpaceLedger(medium: HeapMedium(byteCount: 8 * Space.chunkBytes), map: map)
            books.add([small, large, small | Delta.death, large | Delta.death])
            try books.apply()
            #expect(books.meanRecordBytes == (128 + 2 * Space.chunkBytes) / 2)
        }
    }

    @Test("A chunk without slots has no bitmap")
    func bitmapOfRun() throws {
        try withHeap(chunks: 2) { _, map in
            unsafe map.saved(1).pointee.savedKind = Chunk.run
            var word: UInt64 = 0
            expectDamage(.bitmap, "has no bitmap") {
                try unsafe Bitmap.load(
                    HeapMedium(byteCount: 2 * Space.chunkBytes), chunk: 1, map: map, into: &word)
            }
        }
    }

    // MARK: Where the bytes are

    @Test("The chunks that a segment's head takes are tables and log, also where slots lay before")
    func headOfSegment() throws {
        try withHeap(chunks: 128) { heap, map in
            let last = 127
            try heap.claim(try Self.slots(100, chunk: last)[0], byteCount: 100)
            try heap.release(try Self.slots(100, chunk: last)[0])
            let isGone = heap.removeTail(from: last)
            #expect(isGone)
            heap.addChunks(first: last, count: 1, reservedBytes: Space.chunkBytes)
            let use = SpaceUse(map, count: 128, logBytes: 1 << 20)
            #expect(use.totalBytes == 128 * Self.chunkBytes)
            #expect(use.freeChunkBytes == 127 * Self.chunkBytes)
            #expect(use.logBytes == 1 << 20 && use.tableBytes == Self.chunkBytes - 1 << 20)
            #expect(use.recordBytes == 0 && use.freeRecordBytes == 0)
        }
    }

    @Test("A tail that holds something stays, also where the checkpoint alone says so")
    func tails() throws {
        try withHeap(chunks: 128) { heap, map in
            let last = 127
            func removes() -> Bool { heap.removeTail(from: last) }
            let slot = try Self.slots(100, chunk: last)[0]
            try heap.claim(slot, byteCount: 100)
            #expect(!removes())
            try heap.release(slot)
            unsafe map.saved(last).pointee.savedKind = Chunk.run
            #expect(!removes())
            #expect(heap.chunkCount == 128)
            unsafe map.saved(last).pointee.savedKind = Chunk.free
            #expect(removes())
            heap.addChunks(first: last, count: 1, reservedBytes: Space.chunkBytes)
            #expect(removes())
            #expect(heap.chunkCount == 127)
        }
    }

    // MARK: Space that is hard to find

    @Test("A chunk that replay has filled since it was listed is passed over")
    func filledChunk() throws {
        try withHeap(chunks: 5) { heap, _ in
            for slot in try Self.slots(200_000, chunk: 2) { try heap.claim(slot, byteCount: 200_000) }
            let other = try #require(try heap.allocate(byteCount: 200_000))
            #expect(ChunkMap.index(other) != 2)
        }
    }

    @Test("Of a full heap, the one slot that is free is found, in whichever chunk it lies")
    func lastSlot() throws {
        try withHeap(chunks: 3) { heap, _ in
            var taken: [UInt64] = []
            while let slot = try heap.allocate(byteCount: 100_000, mayUseReserve: true) { taken.append(slot) }
            #expect(Set(taken.map(ChunkMap.index)) == [0, 1, 2])
            try heap.release(taken[3])
            #expect(try heap.allocate(byteCount: 100_000) == taken[3])
            #expect(try heap.allocate(byteCount: 100_000) == nil)
        }
    }

    @Test("A run takes the reserve only where it may, and needs chunks side by side")
    func runs() throws {
        try withHeap(chunks: 5) { heap, _ in
            try heap.claim(try Self.slots(100, chunk: 2)[0], byteCount: 100)
            #expect(try heap.allocate(byteCount: 3 * Space.chunkBytes, mayUseReserve: true) == nil)
            let last = try heap.allocate(byteCount: 2 * Space.chunkBytes)
            #expect(last == 0)
            #expect(try heap.allocate(byteCount: 2 * Space.chunkBytes) == nil)
            let reserve = try heap.allocate(byteCount: 2 * Space.chunkBytes, mayUseReserve: true)
            #expect(reserve == 3 * Self.chunkBytes)
        }
    }

    // MARK: Memory

    /// The first of the two arrays finds its 80 TiB, or not; the second finds no 48 TiB any more.
    @Test("A store whose indexes find no address space is refused")
    func noAddressSpace() throws {
        #expect(throws: SystemFailure.self) { try ChunkMap(addressBytes: 1 << 62) }
        let layout = SimulatedLayout(chunks: 4)
        let memory = SimulatedMemory(byteCount: layout.byteCount)
        layout.format(memory)
        let recovery = Recovery(
            medium: SimulatedMedium(memory: memory, role: .writer),
            segments: [ChunkTableSegment(firstChunk: 0, chunkCount: 4, tableOffset: 4096, firstBlock: 0)],
            reservedBytes: [Int(layout.segment.reservedBytes)],
            storeBytes: UInt64(layout.byteCount), addressBytes: 1 << 62, path: "no such store")
        let readers = ReaderTable()
        defer { readers.deallocate() }
        do {
            _ = try recovery.recover(options: StoreOptions(), readers: readers)
            Issue.record("there is room for everything")
        } catch StoreError.open(.system(let call, _, _)) {
            #expect(call == "mmap")
        }
    }

    @Test("Ranges of address space that were given back are taken again")
    func reuse() throws {
        let end = Probe.run(["reuse"])
        #expect(end.code == 0, "\(end.output)")
    }
}
