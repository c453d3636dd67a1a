internal import CPmem

/// The checkpointer's books: which births and deaths no durable checkpoint holds yet, and what follows from them.
package struct SpaceLedger<M: Medium>: ~Copyable {
    let medium: M
    package var live: LiveMap<M>
    package var release: SpaceRelease<M>
    /// Deltas that no durable checkpoint holds, in the order of the commits.
    package private(set) var pending = WordList(capacity: 1 << 16)
    /// Bytes that a record gives back, large values included, on the average of the last checkpoint in which some died.
    package private(set) var meanRecordBytes = 64
    private var deadRecords = 0
    private var deadBytes = 0

    package init(medium: M, map: ChunkMap) {
        self.medium = medium
        live = LiveMap(medium: medium, map: map)
        release = SpaceRelease(medium: medium, map: map)
    }

    deinit { pending.deallocate() }

    /// Enters the deltas that commits have left since the last cut; takes their memory over.
    package mutating func add(_ deltas: WordList) {
        for index in 0..<deltas.count { pending.append(deltas[index]) }
        deltas.deallocate()
    }

    package mutating func add(_ words: [UInt64]) {
        for word in words { pending.append(word) }
    }

    /// Turns the pending births and deaths into bits, and the dead into what may be set free after the checkpoint.
    package mutating func apply() throws(StoreError) {
        (deadRecords, deadBytes) = (0, 0)
        for index in 0..<pending.count { try apply(pending[index]) }
        if deadRecords > 0 { meanRecordBytes = deadBytes / deadRecords }
        pending.truncate(to: 0)
        // Nodes that died while they were being written are dead in the next checkpoint, not in this one.
        add(release.lateDeaths)
        release.lateDeaths = []
    }

    @inline(__always)
    private mutating func apply(_ word: UInt64) throws(StoreError) {
        let offset = Delta.offset(word)
        if word & Delta.death == 0 {
            try live.born(offset)
            return
        }
        if word & Delta.external != 0 {
            let extent = unsafe RecordPointer(medium.read(offset, Record.headerBytes)).external
            try live.died(extent.offset)
            deadBytes += byteCount(at: extent.offset)
            release.add(extent.offset, recordOffset: offset, word)
        }
        try live.died(offset)
        if word & (Delta.node | Delta.spill) == 0 {
            deadRecords += 1
            deadBytes += byteCount(at: offset)
        }
        release.add(offset, recordOffset: offset, word)
    }

    /// Of the slot or run at an offset that ``live`` has taken out of its books, and so within the store.
    @inline(__always)
    private func byteCount(at offset: UInt64) -> Int {
        let chunk = unsafe live.map[ChunkMap.index(offset)]
        if unsafe chunk.pointee.kind == Chunk.run {
            return unsafe Int(chunk.pointee.runLength) << Int(Space.chunkShift)
        }
        return unsafe Int(chunk.pointee.slotBytes)
    }
}
