import Testing

@testable internal import PmemStore

@Suite("Slots that are set free together")
struct SlotGroupTests {
    /// Three chunks: 100 slots of 128 bytes from byte 4096 on, a run, 2048 slots of a kilobyte.
    private func withMap(_ body: (ChunkMap) throws -> Void) throws {
        let map = try ChunkMap(addressBytes: 8 << 20)
        defer { map.deallocate(count: 0) }
        setSlots(map, 0, slotBytes: 128, start: 4096, count: 100)
        unsafe map[1].pointee.kind = Chunk.run
        setSlots(map, 2, slotBytes: 1024, start: 0, count: 2048)
        try body(map)
    }

    private func setSlots(_ map: ChunkMap, _ chunk: Int, slotBytes: UInt32, start: UInt32, count: UInt32) {
        let chunk = unsafe map[chunk]
        unsafe chunk.pointee.kind = Chunk.slab
        unsafe chunk.pointee.slotBytes = slotBytes
        unsafe chunk.pointee.slotsStart = start
        unsafe chunk.pointee.slotCount = count
    }

    private func offset(_ chunk: Int, _ place: Int) -> UInt64 { UInt64(chunk) << 21 + UInt64(place) }

    @Test("Whatever their order: one group for each word that has one of them")
    func groups() throws {
        try withMap { map in
            let offsets = [
                offset(2, 1024 * 64), offset(0, 4096), offset(2, 1024 * 2047), offset(1, 0),
                offset(0, 4096 + 128 * 63), offset(0, 4096 + 128 * 64), offset(2, 1024 * 66),
            ]
            let expected = [
                SlotGroup(chunk: 0, word: 0, bits: 1 | 1 << 63), SlotGroup(chunk: 0, word: 1, bits: 1),
                SlotGroup(chunk: 1, word: nil, bits: 0),
                SlotGroup(chunk: 2, word: 1, bits: 5), SlotGroup(chunk: 2, word: 31, bits: 1 << 63),
            ]
            #expect(try SlotGroup.grouping(offsets, in: map) == expected)
            #expect(try SlotGroup.grouping(offsets.reversed(), in: map) == expected)
            let none = try SlotGroup.grouping([], in: map)
            #expect(none.isEmpty)
        }
    }

    @Test("What is no slot, or comes twice, is damage")
    func refusals() throws {
        try withMap { map in
            for wrong in [
                [offset(0, 4095)], [offset(0, 0)], [offset(0, 4096 + 128 * 100)], [offset(2, 64)],
                [offset(2, 0), offset(0, 4096), offset(2, 0)], [offset(3, 0)],
            ] {
                #expect(throws: StoreError.self) { try SlotGroup.grouping(wrong, in: map) }
            }
        }
    }
}
