package import CPmem
internal import Glibc

/// Brings a store from what a crash, or a clean close, has left on the medium to its newest durable commit.
///
/// Until step 5 nothing is written: a store that is refused is left as it was. Step 5 writes lines that no entry
/// and no superblock lies in, so a crash in the middle of recovery finds the same state again.
package struct Recovery<M: Medium> {
    let medium: M
    /// The segments' places, in order.
    let segments: [ChunkTableSegment]
    /// Bytes before the first slot, by segment.
    let reservedBytes: [Int]
    let storeBytes: UInt64
    let addressBytes: UInt64
    let path: String

    package init(
        medium: M, segments: [ChunkTableSegment], reservedBytes: [Int], storeBytes: UInt64,
        addressBytes: UInt64, path: String
    ) {
        self.medium = medium
        self.segments = segments
        self.reservedBytes = reservedBytes
        self.storeBytes = storeBytes
        self.addressBytes = addressBytes
        self.path = path
    }

    /// What recovery hands to the engine.
    package struct Result {
        package let writer: WriterPlace<M>
        package let superblock: cpm_superblock
        package let table: ChunkTable
        package let map: ChunkMap
        package let verified: VerifiedNodes
        /// Operations that were replayed, and how long that took.
        package let replayedOperations: UInt64
        package let replayNanoseconds: UInt64
    }

    /// Recovers the store.
    ///
    /// - Throws: ``StoreError/corrupted(_:)`` and ``StoreError/open(_:)``.
    package func recover(options: StoreOptions, readers: ReaderTable) throws(StoreError) -> Result {
        medium.note(.recoveryBegan)
        // 1. The newest valid superblock.
        let superblock = try newestSuperblock()
        // 2. The segments it needs are there.
        try checkSegments(superblock)
        let (map, verified) = try FailureStage.opening.attempt(path) { () throws(SystemFailure) in
            try makeIndexes()
        }
        do throws(StoreError) {
            return try recover(superblock, map, verified, options, readers)
        } catch {
            verified.deallocate()
            map.deallocate(count: Int(storeBytes >> Space.chunkShift))
            throw error
        }
    }

    private func makeIndexes() throws(SystemFailure) -> (ChunkMap, VerifiedNodes) {
        let verified = try VerifiedNodes.claim(addressBytes: addressBytes, storeBytes: storeBytes)
        do {
            return (try ChunkMap(addressBytes: addressBytes), verified)
        } catch {
            verified.deallocate()
            throw error
        }
    }

    private func recover(
        _ superblock: Superblock, _ map: ChunkMap, _ verified: VerifiedNodes, _ options: StoreOptions,
        _ readers: ReaderTable
    ) throws(StoreError) -> Result {
        // 3. What the last checkpoint knows about space.
        var heap = RecordHeap(medium: medium, map: map)
        let table = try loadSpace(superblock, into: &heap)
        let writer = makeWriter(
            superblock, heap: heap, verified: verified, options: options, readers: readers)
        do throws(StoreError) {
            return try recover(superblock, map, verified, table, writer, readers)
        } catch {
            writer.deallocate()
            throw error
        }
    }

    private func recover(
        _ superblock: Superblock, _ map: ChunkMap, _ verified: VerifiedNodes, _ table: ChunkTable,
        _ writer: WriterPlace<M>, _ readers: ReaderTable
    ) throws(StoreError) -> Result {
        // 4. The commits behind it, in order, exactly as commit step 5 applies them.
        let begun = cpm_monotonic_nanoseconds()
        let replay = LogReplay(writer: writer, storeBytes: storeBytes)
        let replayed = try replay.run(from: superblock)
        let nanoseconds = cpm_monotonic_nanoseconds() - begun
        // 5. What was found is durable, also when only the process was killed before its fence. Then, and not before,
        //    whatever lies at the tail, or in the other superblock's slot, is made impossible to complete: an older
        //    superblock, should this one not have arrived, may need the lines.
        medium.flush(superblock.fields.offset, superblock.byteCount)
        if let last = replayed.last { replay.flush(last) }
        try medium.drain()
        writer.pointee.log.neutralizeTail()
        neutralizeTornSuperblock(superblock)
        try medium.drain()
        // 6. Accept commits.
        writer.pointee.pace.measured(operations: replayed.operations, nanoseconds: nanoseconds)
        readers.publish(commit: writer.pointee.commit, root: writer.pointee.catalog.root)
        medium.note(.recoveryEnded)
        return Result(
            writer: writer, superblock: superblock.fields, table: table, map: map, verified: verified,
            replayedOperations: replayed.operations, replayNanoseconds: nanoseconds)
    }

    // MARK: Step 1

    private func newestSuperblock() throws(StoreError) -> Superblock {
        let slots = [UInt64(0), 1].compactMap { parity in
            let offset = Superblock.offset(generation: parity)
            return unsafe Superblock(slot: medium.readChecked(offset, Superblock.slotBytes), offset: offset)
        }
        guard let newest = slots.max(by: { $0.fields.generation < $1.fields.generation }) else {
            throw .corrupted(
                .init(
                    .superblock, offset: Superblock.offset(generation: 0), detail: "neither copy is valid"))
        }
        let version = newest.fields.version
        if version > UInt32(CPM_FORMAT_VERSION) {
            throw .open(
                .newerFormat(path: path, found: version, supported: UInt32(CPM_FORMAT_VERSION)))
        }
        return newest
    }

    /// Makes what a crash has left in the other slot unusable. The next checkpoint writes the same generation there: of
    /// its words only those might arrive that the torn one lacked, and what that one names is overwritten by then.
    private func neutralizeTornSuperblock(_ chosen: Superblock) {
        let offset = Superblock.offset(generation: chosen.fields.generation &+ 1)
        let slot = unsafe medium.read(offset, Superblock.slotBytes)
        if unsafe Superblock(slot: slot, offset: offset) != nil { return }
        unsafe withUnsafePointer(to: SIMD8<UInt64>.zero) { zeros in
            if unsafe memcmp(slot, zeros, 64) != 0 { unsafe medium.copyIn(offset, zeros, 64) }
        }
    }

    // MARK: Step 2

    private func checkSegments(_ superblock: Superblock) throws(StoreError) {
        let fields = superblock.fields
        if Int(fields.segmentCount) > segments.count {
            throw .open(.missingSegment(path: path, index: segments.count))
        }
        let isRing =
            fields.logBytes >= 4096 && fields.logBytes % 64 == 0 && fields.logOffset % 64 == 0
            && fields.logOffset < storeBytes && fields.logBytes <= storeBytes - fields.logOffset
        guard isRing, fields.byteCount <= storeBytes else {
            throw damaged(fields, "log or size beyond the store's \(storeBytes) bytes")
        }
        guard fields.root == 0 || NodeReference(raw: fields.root).isPlace else {
            throw damaged(fields, "root \(fields.root) names no place of a node")
        }
        let numbers = [fields.generation, fields.commit, fields.logPosition]
        guard numbers.allSatisfy({ $0 <= Superblock.numberLimit }), fields.logPosition % 64 == 0,
            fields.epoch <= Superblock.epochLimit
        else {
            throw damaged(fields, "generation, commit, log position, epoch: \(numbers), \(fields.epoch)")
        }
    }

    private func damaged(_ superblock: cpm_superblock, _ detail: String) -> StoreError {
        .corrupted(.init(.superblock, offset: superblock.offset, detail: detail))
    }

    // MARK: Step 3

    private func loadSpace(
        _ superblock: Superblock, into heap: inout RecordHeap<M>
    ) throws(StoreError) -> ChunkTable {
        var table = ChunkTable()
        for (segment, reserved) in zip(segments, reservedBytes) {
            table.add(segment)
            heap.addChunks(first: segment.firstChunk, count: segment.chunkCount, reservedBytes: reserved)
        }
        unsafe superblock.copyBits.withUnsafeBytes { bits in
            unsafe table.setCopyBits(bits, blockCount: Int(superblock.fields.tableBlockCount))
        }
        try table.load(medium) { (chunk, descriptor) throws(StoreError) in
            try heap.restore(chunk, descriptor: descriptor)
        }
        try heap.checkRestored()
        return table
    }

    private func makeWriter(
        _ superblock: Superblock, heap: consuming RecordHeap<M>, verified: VerifiedNodes,
        options: StoreOptions,
        readers: ReaderTable
    ) -> WriterPlace<M> {
        let fields = superblock.fields
        let pace = Pace(
            targetNanoseconds: options.recoveryTimeTargetNanoseconds,
            replayNanoseconds: fields.replayNanoseconds)
        let log = CommitLog(
            medium: medium, start: fields.logOffset, capacity: fields.logBytes, salt: fields.salt,
            generation: fields.generation,
            head: fields.logPosition, tail: fields.logPosition)
        let catalog = TreeState(root: NodeReference(raw: fields.root), pairs: 0, isCatalog: true)
        return WriterPlace(
            Writer(
                medium: medium,
                space: NodeSpace(
                    medium: medium, verified: verified, verifiesRecords: options.verifiesRecordsOnRead),
                heap: heap,
                readers: readers, log: log, pace: pace, commit: fields.commit,
                epoch: UInt32(truncatingIfNeeded: fields.epoch) + 1, catalog: catalog,
                nextTable: max(fields.nextTable, Catalog.firstNamedTable)))
    }
}
