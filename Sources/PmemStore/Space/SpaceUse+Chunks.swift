internal import CPmem

extension SpaceUse {
    /// Counts what the chunks of a heap hold. O(chunks). For the holder of the write gate.
    init(_ map: ChunkMap, count: Int, logBytes: UInt64) {
        for index in 0..<count { add(unsafe map[index].pointee) }
        self.logBytes = min(logBytes, tableBytes)
        tableBytes -= self.logBytes
    }

    private mutating func add(_ chunk: Chunk) {
        let bytes = UInt64(Space.chunkBytes)
        totalBytes += bytes
        switch chunk.kind {
        case Chunk.free:
            freeChunkBytes += bytes - UInt64(chunk.reservedBytes)
            tableBytes += UInt64(chunk.reservedBytes)
        case Chunk.run, Chunk.runBody:
            largeValueBytes += bytes
        case Chunk.reserved:
            tableBytes += bytes
        default:
            addSlots(chunk)
        }
    }

    private mutating func addSlots(_ chunk: Chunk) {
        let free = UInt64(chunk.freeSlots) * UInt64(chunk.slotBytes)
        let used = UInt64(chunk.slotCount) * UInt64(chunk.slotBytes) - free
        if chunk.kind == Chunk.slab {
            nodeBytes += used
            freeNodeBytes += free
        } else {
            recordBytes += used
            freeRecordBytes += free
        }
        tableBytes += UInt64(Space.chunkBytes) - used - free
    }
}
