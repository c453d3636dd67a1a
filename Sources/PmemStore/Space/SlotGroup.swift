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
    /// Groups offsets in address order. They stay taken until they are set free: their chunks stay what they are.
    ///
    /// - Throws: ``StoreError/corrupted(_:)`` when no slot starts at an offset, or one comes twice.
    static func grouping(_ offsets: [UInt64], in map: ChunkMap) throws(StoreError) -> [SlotGroup] {
        var groups: [SlotGroup] = []
        groups.reserveCapacity(offsets.count / 4)
        var bits = [UInt64](repeating: 0, count: Space.chunkBytes / Int(CPM_LINE) / 64)
        for stretch in byChunk(offsets) {
            let index = ChunkMap.index(stretch[stretch.startIndex])
            let chunk = unsafe map[index]
            if unsafe chunk.pointee.kind == Chunk.run {
                groups.append(SlotGroup(chunk: index, word: nil, bits: 0))
                continue
            }
            for offset in stretch {
                guard let slot = unsafe ChunkMap.slot(chunk, offset),
                    bits[slot >> 6] >> UInt64(slot & 63) & 1 == 0
                else {
                    let detail = "chunk \(index): no slot here, or set free twice"
                    throw .corrupted(.init(.chunkTable, offset: offset, detail: detail))
                }
                bits[slot >> 6] |= 1 << UInt64(slot & 63)
            }
            let words = unsafe chunk.pointee.words
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
