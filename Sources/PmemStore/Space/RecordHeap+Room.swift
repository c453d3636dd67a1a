// How much room is left, and what of it is spoken for. Asked at every commit, and all inlined: a call would get a copy
// of the heap.

extension RecordHeap {
    /// True when the store should have more space before it has to.
    @inline(__always)
    package var isLow: Bool {
        freeChunks < heldBackChunks + 2 + max(chunkCount >> 6, growthLead) && (isTakingChunks || isShort)
    }

    /// True when it should grow at once, whatever a checkpoint will set free.
    @inline(__always)
    package var isShort: Bool { freeChunks < heldBackChunks + 1 + chunkCount >> 7 }

    /// The store has grown, and writers have taken that many chunks meanwhile. Twice as many are to be there when it
    /// grows the next time, so that nobody waits for it; never more than a 16th of the store.
    package mutating func setGrowthLead(taken: Int) {
        growthLead = min(max(2 * taken, growthLead / 2), chunkCount / 16)
    }

    /// The store cannot grow: nothing is kept ready for the time in which it does.
    package mutating func clearGrowthLead() { growthLead = 0 }

    /// A checkpoint has set free what it could: for a while, slots are found without taking chunks.
    package mutating func endReturning() {
        nodeRoom.endReturning()
        isTakingChunks = false
    }

    /// Bytes of chunks that hold something.
    @inline(__always)
    package var usedBytes: Int { (chunkCount - freeChunks) << Int(Space.chunkShift) }

    /// Node slots that a checkpoint would lack, were `more` nodes dirty and were there none in free chunks but those
    /// that there are; 0 or less: none.
    @inline(__always)
    package func missingNodeSlots(_ more: Int) -> Int {
        nodeRoom.missing(more) - freeChunks * Self.nodesPerChunk
    }

    /// True for the slot of a node of ordinary size.
    @inline(__always)
    package func isNodeSlot(_ offset: UInt64) -> Bool {
        unsafe map[ChunkMap.index(offset)].pointee.kind == Chunk.slab
    }

    /// Chunks that puts leave alone: the reserve, and what the next checkpoint will need for dirty nodes.
    @inline(__always)
    var heldBackChunks: Int {
        let missing = nodeRoom.missing()
        return missing > 0 ? reserveChunks + 1 + missing / Self.nodesPerChunk : reserveChunks
    }

    /// A little less than there are, for chunks whose first bytes are taken.
    private static var nodesPerChunk: Int { 2000 }
}
