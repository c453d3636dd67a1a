package import CPmem
internal import Glibc

/// Moves the state of a commit into trees and tables on the medium, so that the log before it is not needed any more.
///
/// Runs on one thread at a time, beside readers and the writer; it holds the write gate for moments only.
package final class Checkpointer<M: Medium>: @unchecked Sendable {
    let medium: M
    private let writer: WriterPlace<M>
    let gate: WriterGate
    let readers: ReaderTable
    let map: ChunkMap
    private var table: ChunkTable
    /// Segments that the table does not know yet. Changes under the write gate.
    private var grown: [ChunkTableSegment] = []
    /// The table has lost a segment that the superblock still counts.
    private var isShrunk = false
    private var ledger: SpaceLedger<M>
    /// The newest durable superblock.
    package private(set) var superblock: cpm_superblock
    private let slots = SlotSupply()
    /// Pins that checkpoints hold, for whoever counts readers. Changes under the write gate.
    package private(set) var pinCount = 0

    package init(
        medium: M, writer: WriterPlace<M>, gate: WriterGate, map: ChunkMap, table: ChunkTable,
        superblock: cpm_superblock
    ) {
        self.medium = medium
        self.writer = writer
        self.gate = gate
        self.map = map
        self.table = table
        self.superblock = superblock
        readers = writer.pointee.readers
        ledger = SpaceLedger(medium: medium, map: map)
    }

    /// What a checkpoint saves: a commit and what belongs to it.
    private struct Cut {
        let pin: ReaderTable.Pin
        let epoch: UInt32
        let logPosition: UInt64
        let operations: UInt64
        let nextTable: UInt32
        let replayNanoseconds: UInt64
        let deltas: WordList
    }

    /// Saves the newest commit. Returns false when the last checkpoint holds it already.
    ///
    /// docs/commit.md argues each crash point by these numbers. Two fences.
    package func checkpoint(isClosing: Bool = false) throws(StoreError) -> Bool {
        // 1. Cut: pin the newest root, take over what changed since the last cut. A moment under the gate.
        guard let cut = try makeCut(isClosing: isClosing) else {
            try releaseSpace(upTo: superblock.commit)
            return false
        }
        // 2. Write dirty nodes to fresh slots, then the allocation state to the copies that do not count.
        let root = try writeNodes(cut)
        let late = ledger.release.lateDeaths.count
        try loadBusyBitmaps()
        try ledger.apply()
        adoptGrownSegments()
        try gate.store { () throws(StoreError) in
            let changed = ledger.live.save(epoch: cut.epoch)
            table.save(medium, map: map, changed: changed, generation: UInt64(cut.epoch))
        }
        // 3. Fence: everything the new superblock names is durable before it is.
        try medium.drain()
        // 4. Switch the superblock.
        let next = successor(cut, root: root, isClosing: isClosing)
        try gate.store { () throws(StoreError) in write(next) }
        // 5. Fence.
        try medium.drain()  // CHECKPOINT DURABLE HERE
        medium.note(.checkpointed(commit: cut.pin.commit))
        superblock = next
        isShrunk = false
        // 6. The log before the cut is free, and what the cut's commits replaced can be used again.
        finish(cut, lateDeaths: late)
        try releaseSpace(upTo: cut.pin.commit)
        return true
    }

    // MARK: Step 1

    private func makeCut(isClosing: Bool) throws(StoreError) -> Cut? {
        gate.enterForMaintenance()
        defer { gate.leave() }
        let isClean = superblock.flags & UInt32(CPM_SUPERBLOCK_CLEAN) != 0
        // The books may name dead space of a checkpoint that failed: what is durable may still need it.
        if let reason = writer.pointee.poisonReason { throw .commit(.poisoned(reason: reason)) }
        let isSame =
            writer.pointee.commit == superblock.commit && ledger.pending.count == 0
            && writer.pointee.deltas.count == 0
        if isSame && !isShrunk && grown.isEmpty && (!isClosing || isClean) { return nil }
        let pin = readers.pinForCheckpoint()
        pinCount += 1
        let deltas = writer.pointee.deltas
        writer.pointee.deltas = WordList(capacity: max(1 << 16, deltas.count))
        let epoch = writer.pointee.epoch
        writer.pointee.epoch += 1
        writer.pointee.cutCommit = pin.commit
        writer.pointee.pace.begin()
        writer.pointee.dead.cut()
        writer.pointee.heap.nodeRoom.cut(isSeen: readers.pinnedCommits().contains { $0 < pin.commit })
        ledger.release.cut(epoch: epoch, lastCommit: pin.commit)
        return Cut(
            pin: pin, epoch: epoch, logPosition: writer.pointee.log.tail,
            operations: writer.pointee.pace.logged,
            nextTable: writer.pointee.nextTable, replayNanoseconds: writer.pointee.pace.replayNanoseconds,
            deltas: deltas)
    }

    // MARK: Step 2

    private func writeNodes(_ cut: Cut) throws(StoreError) -> NodeReference {
        ledger.add(cut.deltas)
        var nodes = NodeWriter(medium: medium, epoch: cut.epoch, gate: gate) {
            [self] (bytes) throws(StoreError) in
            try takeSlot(bytes)
        }
        let result: Result<NodeReference, StoreError>
        do throws(StoreError) {
            result = .success(try nodes.write(NodeReference(raw: cut.pin.root)))
        } catch {
            result = .failure(error)
        }
        // Also after a failure: nodes that have a place are clean from now on, and the next checkpoint counts on them.
        ledger.add(nodes.births)
        ledger.release.lateDeaths += nodes.lateDeaths
        try giveBackSlots(lateDeaths: nodes.lateDeaths.count)
        if case .failure = result { try unpinAfterFailure(cut) }
        return try result.get()
    }

    private func unpinAfterFailure(_ cut: Cut) throws(StoreError) {
        gate.enterForMaintenance()
        writer.pointee.heap.nodeRoom.end(isDurable: false, late: ledger.release.lateDeaths.count)
        writer.pointee.dead.cancel()
        endCut(cut)
        gate.leave()
        ledger.add(ledger.release.lateDeaths)
        ledger.release.lateDeaths = []
        // A reader that has gone may have kept slots that the next attempt needs.
        try releaseSpace(upTo: superblock.commit)
    }

    private func takeSlot(_ bytes: Int) throws(StoreError) -> UInt64 {
        if bytes == NodeLayout.byteCount, let slot = slots.take() { return slot }
        gate.enterForMaintenance()
        defer { gate.leave() }
        if bytes > NodeLayout.byteCount {
            guard let offset = try writer.pointee.heap.allocate(byteCount: bytes, mayUseReserve: true) else {
                throw .commit(.full(quotaBytes: 0, neededBytes: UInt64(bytes)))
            }
            writer.pointee.heap.nodeRoom.takeSlot()
            return offset
        }
        // No more than the cut has nodes for, so that hardly any has to be given back.
        for _ in 0..<max(1, min(SlotSupply.batch, writer.pointee.heap.nodeRoom.unwritten)) {
            guard
                let offset = try writer.pointee.heap.allocate(sizeClass: SizeClass.node, mayUseReserve: true)
            else {
                break
            }
            slots.add(offset)
            // A dirty node's slot is no longer to be found, it is at hand.
            writer.pointee.heap.nodeRoom.takeSlot()
        }
        guard let slot = slots.take() else {
            throw .commit(.full(quotaBytes: 0, neededBytes: UInt64(bytes)))
        }
        return slot
    }

    /// A node that left the tree while it was being written was taken off the dirty ones twice, then as well as before.
    private func giveBackSlots(lateDeaths: Int) throws(StoreError) {
        gate.enterForMaintenance()
        defer { gate.leave() }
        var unused = 0
        while let slot = slots.take() {
            unused += 1
            try writer.pointee.heap.release(slot)
        }
        writer.pointee.heap.nodeRoom.endWriting(late: lateDeaths, unused: unused)
    }

    /// The store grows while a checkpoint runs, and the checkpoint may have taken slots in what was added.
    package func add(_ segment: ChunkTableSegment) { grown.append(segment) }

    /// Takes the last segment out of use, when it holds nothing; the next checkpoint no longer counts it. nil: it holds
    /// something, or it is the first. Not while a checkpoint runs.
    package func removeLastSegment() throws(StoreError) -> ChunkTableSegment? {
        gate.enterForMaintenance()
        defer { gate.leave() }
        if let reason = writer.pointee.poisonReason { throw .commit(.poisoned(reason: reason)) }
        guard grown.isEmpty, table.segments.count > 1, let last = table.segments.last else { return nil }
        guard writer.pointee.heap.removeTail(from: last.firstChunk) else { return nil }
        table.removeLast()
        isShrunk = true
        return last
    }

    private func adoptGrownSegments() {
        gate.enterForMaintenance()
        defer { gate.leave() }
        for segment in grown { table.add(segment) }
        grown = []
    }

    /// A chunk's two bitmaps part company here: the writer's must be in memory before the saved one changes.
    private func loadBusyBitmaps() throws(StoreError) {
        var chunks = ArraySlice(try changedChunks())
        while !chunks.isEmpty {
            gate.enterForMaintenance()
            defer { gate.leave() }
            for chunk in chunks.prefix(64) where unsafe map[chunk].pointee.kind >= Chunk.slab {
                try writer.pointee.heap.loadBusy(chunk)
            }
            chunks = chunks.dropFirst(64)
        }
    }

    /// Chunks in which something was born or has died since the last durable checkpoint.
    private func changedChunks() throws(StoreError) -> [Int] {
        var isChanged: [Bool] = []
        let pending = ledger.pending
        for index in 0..<pending.count {
            let word = pending[index]
            Self.mark(ChunkMap.index(Delta.offset(word)), in: &isChanged)
            if word & (Delta.death | Delta.external) == Delta.death | Delta.external {
                Self.mark(ChunkMap.index(try external(Delta.offset(word)).offset), in: &isChanged)
            }
        }
        return isChanged.indices.filter { isChanged[$0] }
    }

    @inline(__always)
    private static func mark(_ chunk: Int, in marks: inout [Bool]) {
        if chunk >= marks.count {
            marks.append(contentsOf: repeatElement(false, count: chunk + 1 - marks.count))
        }
        marks[chunk] = true
    }

    /// Where the value of a record lies that has an extent of its own. What a damaged record names is not set free.
    private func external(_ record: UInt64) throws(StoreError) -> cpm_external_value {
        let pointer = unsafe RecordPointer(medium.read(record, Record.headerBytes))
        let slotBytes = unsafe Int(map[ChunkMap.index(record)].pointee.slotBytes)
        guard pointer.isExternal, pointer.byteCount <= slotBytes,
            pointer.computedChecksum(offset: record) == pointer.checksum
        else {
            throw .corrupted(.init(.record, offset: record, detail: "a large value's record is damaged"))
        }
        return pointer.external
    }

    // MARK: Step 4

    private func successor(_ cut: Cut, root: NodeReference, isClosing: Bool) -> cpm_superblock {
        var next = superblock
        next.generation += 1  // alternates the slots, also after a checkpoint that failed
        next.epoch = UInt64(cut.epoch)
        next.commit = cut.pin.commit
        next.root = root.raw
        next.logPosition = cut.logPosition
        next.nextTable = cut.nextTable
        next.segmentCount = UInt32(table.segments.count)
        next.byteCount = table.byteCount
        next.tableBlockCount = UInt32(table.blockCount)
        next.flags = isClosing ? UInt32(CPM_SUPERBLOCK_CLEAN) : 0
        next.replayNanoseconds = cut.replayNanoseconds
        return next
    }

    private func write(_ next: cpm_superblock) {
        let bytes = Superblock(fields: next, copyBits: table.copyBits).encoded()
        unsafe medium.copyIn(Superblock.offset(generation: next.generation), bytes, bytes.count)
    }

    // MARK: Step 6

    private func finish(_ cut: Cut, lateDeaths: Int) {
        gate.enterForMaintenance()
        writer.pointee.log.free(upTo: cut.logPosition)
        writer.pointee.log.generation = superblock.generation
        writer.pointee.pace.end(operations: cut.operations)
        writer.pointee.heap.nodeRoom.end(isDurable: true, late: lateDeaths)
        endCut(cut)
        gate.leave()
    }

    /// The cut's commit is no longer held. Under the gate.
    private func endCut(_ cut: Cut) {
        writer.pointee.cutCommit = 0
        readers.unpin(cut.pin)
        pinCount -= 1
    }

    /// Hands space that no checkpoint and no pinned commit needs back to the heap, a little at a time.
    private func releaseSpace(upTo commit: UInt64) throws(StoreError) {
        try ledger.release.sort(pins: readers.pinnedCommits(), checkpointed: commit)
        var batch = ledger.release.next()
        while !batch.isEmpty {
            gate.enterForMaintenance()
            defer { gate.leave() }
            for group in batch { try writer.pointee.heap.release(group) }
            batch = ledger.release.next()
        }
        gate.enterForMaintenance()
        writer.pointee.heap.endReturning()
        writer.pointee.dead.endReturning(meanBytes: ledger.meanRecordBytes)
        gate.leave()
    }
}

/// Node slots taken from the heap ahead of need.
final class SlotSupply {
    private var slots: [UInt64] = []
    static let batch = 1024

    func add(_ offset: UInt64) { slots.append(offset) }

    /// In the order in which they were added, so that nodes are written in address order.
    func take() -> UInt64? {
        if next == slots.count {
            slots.removeAll(keepingCapacity: true)
            next = 0
            return nil
        }
        next += 1
        return slots[next - 1]
    }
    private var next = 0
}
