internal import CPmem

/// Slots of one word of a chunk's bitmap, or a whole run, that are set free together.
///
/// Commits wait while space is set free, so all that needs no gate is done before: offsets become chunks and bits, and
/// what shares a word becomes one group.
struct SlotGroup: Equatable {
    let chunk: Int
    /// Word of the chunk's bitmap; nil for the run that starts with the chunk.
    let word: Int?
    /// Its bits that are set free.
    let bits: UInt64
}

extension SlotGroup {
    /// The slot or the run that starts at an offset.
    ///
    /// - Throws: ``StoreError/corrupted(_:)`` when none does.
    init(_ offset: UInt64, in map: ChunkMap) throws(StoreError) {
        let index = ChunkMap.index(offset)
        if unsafe map[index].pointee.kind == Chunk.run {
            self.init(chunk: index, word: nil, bits: 0)
            return
        }
        guard let slot = unsafe ChunkMap.slot(map[index], offset) else {
            throw ChunkMap.damaged(index, "no slot at \(offset)")
        }
        self.init(chunk: index, word: slot >> 6, bits: 1 << UInt64(slot & 63))
    }

    /// Groups offsets in address order. They stay taken until they are set free: their chunks stay what they are.
    ///
    /// - Throws: ``StoreError/corrupted(_:)`` when no slot starts at an offset, or one comes twice.
    static func grouping(_ offsets: [UInt64], in map: ChunkMap) throws(StoreError) -> [SlotGroup] {
        var groups: [SlotGroup] = []
        groups.reserveCapacity(offsets.count / 4)
        var bits = [UInt64](repeating: 0, count: Space.chunkBytes / Int(CPM_LINE) / 64)
        for stretch in byChunk(offsets) {
            let index = ChunkMap.index(stretch[stretch.startIndex])
            for offset in stretch {
                let slot = try SlotGroup(offset, in: map)
                guard let word = slot.word else {
                    groups.append(slot)
                    continue
                }
                if bits[word] & slot.bits != 0 {
                    throw ChunkMap.damaged(index, "slot at \(offset) is set free twice")
                }
                bits[word] |= slot.bits
            }
            let words = unsafe map[index].pointee.words
            for word in 0..<words where bits[word] != 0 {
                groups.append(SlotGroup(chunk: index, word: word, bits: bits[word]))
                bits[word] = 0
            }
        }
        return groups
    }

    /// The offsets of each chunk side by side: sorted by counting.
    private static func byChunk(_ offsets: [UInt64]) -> [ArraySlice<UInt64>] {
        var ends = [Int](repeating: 0, count: (offsets.max().map(ChunkMap.index) ?? -1) + 1)
        for offset in offsets { ends[ChunkMap.index(offset)] += 1 }
        for chunk in ends.indices.dropFirst() { ends[chunk] += ends[chunk - 1] }
        var sorted = [UInt64](repeating: 0, count: offsets.count)
        var starts = ends
        for offset in offsets {
            let chunk = ChunkMap.index(offset)
            starts[chunk] -= 1
            sorted[starts[chunk]] = offset
        }
        return ends.indices.lazy.filter { starts[$0] < ends[$0] }.map { sorted[starts[$0]..<ends[$0]] }
    }
}
