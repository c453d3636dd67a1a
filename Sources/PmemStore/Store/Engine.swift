internal import CPmem
internal import Glibc

/// The rooms of a store put together, over any medium. ``Store`` is this over ``DirectMedium``, with a directory.
package final class Engine<M: Medium>: WriterMaintenance, @unchecked Sendable {
    let writerPlace: WriterPlace<M>
    package let readers: ReaderTable
    package let gate = WriterGate()
    package let space: NodeSpace<M>
    package let checkpointer: Checkpointer<M>
    /// Makes the store larger; nil where it cannot grow.
    package let growth: (any StoreGrowth)?
    /// What opening has found and how long that took.
    package let replayedOperations: UInt64
    package let replayNanoseconds: UInt64

    private let map: ChunkMap
    private let verified: VerifiedNodes
    private let quotaBytes: UInt64
    /// Held while a checkpoint runs. True once there must be none any more.
    private let work = Locked(false)
    /// Held while the store grows. From when on, in nanoseconds of the monotonic clock, it may grow ahead of need.
    private let growing = Locked(UInt64(0))
    private let checkpoints = MaintenanceThread(name: "pmem-checkpoint")
    private let growths = MaintenanceThread(name: "pmem-growth")

    package init(
        recovered: Recovery<M>.Result, readers: ReaderTable, checkpointMedium: M, growth: (any StoreGrowth)?,
        quotaBytes: UInt64?
    ) {
        writerPlace = recovered.writer
        self.readers = readers
        space = recovered.writer.pointee.space
        map = recovered.map
        verified = recovered.verified
        self.growth = growth
        self.quotaBytes = quotaBytes ?? .max
        replayedOperations = recovered.replayedOperations
        replayNanoseconds = recovered.replayNanoseconds
        checkpointer = Checkpointer(
            medium: checkpointMedium, writer: recovered.writer, gate: gate, map: recovered.map,
            table: recovered.table, superblock: recovered.superblock)
        writer.maintenance = self
    }

    /// Where the writer lives, for transactions.
    @inline(__always)
    var writerAddress: UnsafeMutablePointer<Writer<M>> { unsafe writerPlace.address }

    /// The one writer. For whoever holds the gate.
    package var writer: Writer<M> {
        @inline(__always) unsafeAddress { unsafe UnsafePointer(writerPlace.address) }
        @inline(__always) unsafeMutableAddress { unsafe writerPlace.address }
    }

    /// Starts background checkpoints and growth. Without, both happen when a writer needs them.
    package func startMaintenance() {
        checkpoints.start { [unowned self] in checkpointInBackground() }
        growths.start { [unowned self] in growInBackground() }
    }

    /// Ends the background work; waits for what is running.
    package func stopMaintenance() {
        checkpoints.stop()
        growths.stop()
    }

    /// Frees what the garbage of the language does not know. Only when nobody reads or writes any more.
    package func deallocate() {
        writer.maintenance = nil
        let chunks = writer.heap.chunkCount
        writerPlace.deallocate()
        readers.deallocate()
        verified.deallocate()
        map.deallocate(count: chunks)
    }

    // MARK: Checkpoints

    /// Bytes of chunks that are entirely free, and bytes of the log in use.
    package func spaceInUse() -> (freeBytes: UInt64, logBytes: UInt64) {
        underGate { (UInt64(writer.heap.freeChunks) << Space.chunkShift, writer.log.usedBytes) }
    }

    /// Where the bytes are. O(chunks) under the gate.
    package func spaceUse() -> SpaceUse {
        underGate { SpaceUse(map, count: writer.heap.chunkCount, logBytes: writer.log.capacity) }
    }

    /// Looks at the writer under the gate, also from within a transaction, which holds it.
    private func underGate<R>(_ look: () -> R) -> R {
        let isMine = gate.isMine
        if !isMine { gate.enterForMaintenance() }
        defer { if !isMine { gate.leave() } }
        return look()
    }

    /// Why commits are refused; nil while they are not.
    package func poisonReason() -> String? {
        gate.enterForMaintenance()
        defer { gate.leave() }
        return writer.poisonReason
    }

    /// Saves the newest commit; false when the last checkpoint already holds it. Grows the store where nodes need it.
    @discardableResult
    package func checkpoint(isClosing: Bool = false) throws(StoreError) -> Bool {
        while true {
            do throws(StoreError) {
                return try work.withLock { isOver throws(StoreError) in
                    if isOver { throw .transaction(.closed) }
                    return try checkpointWithinWork(isClosing: isClosing)
                }
            } catch .commit(.full(let quota, let needed)) {
                guard try grow(atLeast: 0) else {
                    throw .commit(.full(quotaBytes: quota, neededBytes: needed))
                }
            }
        }
    }

    /// No checkpoint runs from here on: the mapping is about to go.
    func endCheckpoints() { work.withLock { $0 = true } }

    private func checkpointWithinWork(isClosing: Bool) throws(StoreError) -> Bool {
        do throws(StoreError) {
            return try checkpointer.checkpoint(isClosing: isClosing)
        } catch .commit(let failure) {
            throw .commit(failure)
        } catch {
            gate.enterForMaintenance()
            writer.poisonReason = "a checkpoint failed: \(error)"
            gate.leave()
            throw error
        }
    }

    /// What fails here fails again, with an error, when a writer needs it.
    private func checkpointInBackground() {
        if isCheckpointDue { _ = try? checkpoint() }
    }

    private var isCheckpointDue: Bool {
        gate.enterForMaintenance()
        defer { gate.leave() }
        return writer.isCheckpointDue || writer.isReleaseDue
    }

    private func growInBackground() {
        var hasGrown = true
        while hasGrown, !growths.isEnding {
            // Writers would wait for a segment; for the arena's page, they take hardly longer themselves.
            hasGrown = (try? growIfDue()) ?? false
            touchSpareNodes()
        }
    }

    /// Has the page of the next arena of tree nodes zeroed. Advice only: kernels before 5.14 do not know it.
    private func touchSpareNodes() {
        gate.enter()  // not when it is lent: the pool is the writer's own
        let arena = unsafe writer.trees.pool.takeFreshSpare()
        gate.leave()
        if let arena = unsafe arena {
            _ = unsafe madvise(arena, NodePool.arenaBytes, CPM_MADV_POPULATE_WRITE)
        }
    }

    private struct SpaceState {
        let isGrowthDue: Bool
        let chunks: Int
        let freeChunks: Int
        let heldBackChunks: Int
        let lead: Int
    }

    private func spaceState() -> SpaceState {
        gate.enterForMaintenance()
        defer { gate.leave() }
        return SpaceState(
            isGrowthDue: writer.isGrowthDue, chunks: writer.heap.chunkCount,
            freeChunks: writer.heap.freeChunks, heldBackChunks: writer.heap.heldBackChunks,
            lead: writer.heap.growthLead)
    }

    // MARK: WriterMaintenance

    package func wake(forGrowth: Bool) {
        if forGrowth { growths.wake() } else { checkpoints.wake() }
    }

    package func makeSpace(_ byteCount: Int, attempt: Int) throws(StoreError) {
        gate.lend()
        defer { gate.reclaim() }
        var refusal = StoreError.commit(
            .full(quotaBytes: min(quotaBytes, UInt64(map.limit) << 21), neededBytes: UInt64(byteCount)))
        // Growing first, then what checkpoints set free; in the end growing once more, whose error says what is full.
        if attempt == 0 || attempt == 2 {
            do throws(StoreError) {
                if try grow(atLeast: byteCount) { return }
            } catch {
                refusal = error
            }
        }
        if attempt < 2 {
            try checkpoint()
            return
        }
        throw refusal
    }

    package func makeLogRoom(_ byteCount: Int) throws(StoreError) {
        gate.lend()
        defer { gate.reclaim() }
        try checkpoint()
    }

    // MARK: Growth

    /// Adds a segment for whoever lacks space, unless somebody else has just added one. False: the quota does not allow
    /// it.
    private func grow(atLeast needed: Int) throws(StoreError) -> Bool {
        let before = spaceState().chunks
        return try growing.withLock { _ throws(StoreError) in
            let state = spaceState()
            let lacking = (needed + Space.chunkBytes - 1) / Space.chunkBytes
            // A new segment's first chunk may not be part of a run.
            let spare = state.freeChunks - state.heldBackChunks
            if state.chunks - before > lacking, spare >= lacking { return true }
            return try addSegment(to: state, atLeast: needed, spareChunks: 4)
        }
    }

    /// Adds a segment ahead of need. False: there is none, or the quota does not allow it. On a full disk each
    /// commit asks again; it is tried once a second. Whoever cannot do without space does not wait for that.
    package func growIfDue() throws(StoreError) -> Bool {
        try growing.withLock { notBefore throws(StoreError) in
            guard cpm_monotonic_nanoseconds() >= notBefore else { return false }
            let state = spaceState()
            guard state.isGrowthDue else { return false }
            do throws(StoreError) {
                if try addSegment(to: state, atLeast: 0, spareChunks: 2) { return true }
                clearLead(state)
                return false
            } catch {
                clearLead(state)
                notBefore = cpm_monotonic_nanoseconds() + 1_000_000_000
                throw error
            }
        }
    }

    /// The store cannot grow: no commit is to ask for it sooner than it must.
    private func clearLead(_ state: SpaceState) {
        if state.lead == 0 { return }
        gate.enterForMaintenance()
        writer.heap.clearGrowthLead()
        gate.leave()
    }

    /// Adds a segment: of a 32nd of the store, or what writers take meanwhile, twice, or as much as is needed and
    /// `spareChunks`. While ``growing`` is held, so that nobody else changes the number of chunks.
    private func addSegment(
        to state: SpaceState, atLeast needed: Int, spareChunks: Int
    ) throws(StoreError) -> Bool {
        guard let growth else { return false }
        let size = UInt64(state.chunks) << Space.chunkShift
        let step = min(max(size / 32, 4 << 20, UInt64(state.lead) << Space.chunkShift), 1 << 30)
        let required = UInt64(needed + spareChunks * Space.chunkBytes)
        let left = quotaBytes > size ? quotaBytes - size : 0
        let wanted = min(max(step, required), left) & ~UInt64(Space.chunkBytes - 1)
        if wanted < min(required, 2 * UInt64(Space.chunkBytes)) || wanted < UInt64(needed) { return false }
        adopt(try growth.grow(byteCount: wanted), freeBefore: state.freeChunks)
        return true
    }

    /// Gives segments at the store's end back that hold nothing. Returns how many.
    package func shrink() throws(StoreError) -> Int {
        guard let growth else { return 0 }
        return try growing.withLock { _ throws(StoreError) in
            var count = 0
            while let offset = try removeLastSegment() {
                verified.setStoreBytes(offset)
                try growth.removeLast()
                count += 1
            }
            return count
        }
    }

    /// Where the segment began that is out of use from here on, durably.
    private func removeLastSegment() throws(StoreError) -> UInt64? {
        try work.withLock { isOver throws(StoreError) in
            if isOver { throw .transaction(.closed) }
            // The first checkpoint frees what it can, the second no longer counts the segment.
            _ = try checkpointWithinWork(isClosing: false)
            guard let last = try checkpointer.removeLastSegment() else { return nil }
            do throws(StoreError) {
                _ = try checkpointWithinWork(isClosing: false)
            } catch {
                // The segment is out of the books, but on the medium it still counts: nothing may be built behind it.
                gate.enterForMaintenance()
                fail("a segment could not be given back: \(error)")
                gate.leave()
                throw error
            }
            return UInt64(last.firstChunk) << Space.chunkShift
        }
    }

    private func adopt(_ segment: GrownSegment, freeBefore: Int) {
        gate.enterForMaintenance()
        defer { gate.leave() }
        writer.heap.setGrowthLead(taken: freeBefore - writer.heap.freeChunks)
        checkpointer.add(
            ChunkTableSegment(
                firstChunk: segment.firstChunk, chunkCount: segment.chunkCount,
                tableOffset: segment.tableOffset, firstBlock: 0))
        verified.setStoreBytes(UInt64(segment.firstChunk + segment.chunkCount) << Space.chunkShift)
        writer.heap.addChunks(
            first: segment.firstChunk, count: segment.chunkCount, reservedBytes: segment.reservedBytes)
    }
}

/// A segment that was added to a store.
package struct GrownSegment: Sendable {
    package let firstChunk: Int
    package let chunkCount: Int
    package let reservedBytes: Int
    /// Offset of its chunk table in the store's address range.
    package let tableOffset: UInt64

    package init(firstChunk: Int, chunkCount: Int, reservedBytes: Int, tableOffset: UInt64) {
        self.firstChunk = firstChunk
        self.chunkCount = chunkCount
        self.reservedBytes = reservedBytes
        self.tableOffset = tableOffset
    }
}

/// Where a store's next segment comes from.
package protocol StoreGrowth: Sendable {
    /// Builds, seals and maps a segment behind the last.
    func grow(byteCount: UInt64) throws(StoreError) -> GrownSegment

    /// Removes the last segment, which nothing names any more.
    func removeLast() throws(StoreError)
}
