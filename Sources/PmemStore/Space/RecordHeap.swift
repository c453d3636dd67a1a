internal import CPmem

/// Gives out slots for records and nodes, and runs of chunks for large values.
///
/// Belongs to whoever holds the write gate. Everything here is DRAM: an allocation leaves no trace on the medium until
/// a checkpoint finds the slot reachable, so that a crash or a rollback has nothing to clean up.
package struct RecordHeap<M: Medium>: ~Copyable {
    package let medium: M
    package let map: ChunkMap
    /// Chunks that exist.
    package private(set) var chunkCount = 0
    /// Chunks that are free.
    package private(set) var freeChunks = 0
    /// Chunks that only deletes and checkpoints may take, so that these work in a full store.
    package private(set) var reserveChunks = 0

    /// What the next checkpoint needs for nodes, and what there is.
    package var nodeRoom = NodeRoom()

    private var current: [Int]
    private var partial: [[UInt32]]
    private var freeHint = 0
    /// Free chunks are being used up: since one was taken, nothing has come back.
    var isTakingChunks = false
    /// Free chunks that are to be there beyond the others while the store grows: writers take them meanwhile.
    var growthLead = 0
    /// While chunks are restored: those that the last run still has to have.
    private var runBodies = 0..<0

    package init(medium: M, map: ChunkMap) {
        self.medium = medium
        self.map = map
        current = Array(repeating: -1, count: SizeClass.count)
        partial = Array(repeating: [], count: SizeClass.count)
    }

    // MARK: Chunks

    /// A segment's chunks become usable; its first `reservedBytes` never do.
    package mutating func addChunks(first: Int, count: Int, reservedBytes: Int) {
        for index in 0..<count {
            let chunk = unsafe map[first + index]
            let taken = min(max(reservedBytes - index * Space.chunkBytes, 0), Space.chunkBytes)
            unsafe chunk.pointee.reservedBytes = UInt32(taken)
            unsafe map.saved(first + index).pointee.reservedBytes = UInt32(taken)
            let isFull = taken == Space.chunkBytes
            unsafe chunk.pointee.kind = isFull ? Chunk.reserved : Chunk.free
            unsafe map.saved(first + index).pointee.savedKind = unsafe chunk.pointee.kind
            if !isFull { freeChunks += 1 }
        }
        chunkCount = max(chunkCount, first + count)
        reserveChunks = max(2, chunkCount / 64)
    }

    /// Takes the chunks from `first` on out of use. False: one of them holds something, or the newest durable
    /// checkpoint says so, or the store would be low on space without them. Not while a checkpoint runs.
    package mutating func removeTail(from first: Int) -> Bool {
        giveBackEmptyChunks()
        for index in first..<chunkCount {
            for kind in unsafe [map[index].pointee.kind, map.saved(index).pointee.savedKind]
            where kind != Chunk.free && kind != Chunk.reserved {
                return false
            }
        }
        let free = (first..<chunkCount).count { unsafe map[$0].pointee.kind == Chunk.free }
        let before = (freeChunks, chunkCount, reserveChunks, growthLead)
        (freeChunks, chunkCount) = (freeChunks - free, first)
        (reserveChunks, growthLead) = (max(2, first / 64), 0)
        // A store that is low on space would grow again at once.
        if isLow {
            (freeChunks, chunkCount, reserveChunks, growthLead) = before
            return false
        }
        for index in first..<before.1 { map.freeLiveBitmap(index) }
        freeHint = min(freeHint, first)
        return true
    }

    /// Restores a chunk as the last checkpoint described it.
    package mutating func restore(_ index: Int, descriptor: UInt64) throws(StoreError) {
        let kind = UInt8(truncatingIfNeeded: descriptor)
        if kind == Chunk.free || kind == Chunk.reserved { return }
        if runBodies.isEmpty == (kind == Chunk.runBody) || !runBodies.isEmpty && index != runBodies.lowerBound
        {
            throw ChunkMap.damaged(index, "kind \(kind) where a run of \(runBodies.count) more chunks lies")
        }
        let chunk = unsafe map[index]
        guard unsafe chunk.pointee.kind == Chunk.free else { throw ChunkMap.damaged(index, "two kinds") }
        freeChunks -= 1
        unsafe chunk.pointee.kind = kind
        unsafe map.saved(index).pointee.savedKind = kind
        if kind == Chunk.run {
            try restoreRun(index, length: Int(descriptor >> 32))
        } else if kind == Chunk.runBody {
            runBodies = (index + 1)..<runBodies.upperBound
        } else if let sizeClass = Chunk.sizeClass(kind) {
            setGeometry(index, sizeClass)
            let live = UInt32(truncatingIfNeeded: descriptor >> 16 & 0xffff)
            guard unsafe live <= chunk.pointee.slotCount else {
                throw ChunkMap.damaged(index, "\(live) live slots")
            }
            unsafe map.saved(index).pointee.copy = UInt8(truncatingIfNeeded: descriptor >> 8 & 1)
            unsafe map.saved(index).pointee.bitmapChecksum = UInt32(truncatingIfNeeded: descriptor >> 32)
            unsafe map.saved(index).pointee.liveSlots = live
            unsafe chunk.pointee.freeSlots = unsafe chunk.pointee.slotCount - live
            if kind == Chunk.slab { nodeRoom.addFree(unsafe Int(chunk.pointee.freeSlots)) }
            list(index)
        } else {
            throw ChunkMap.damaged(index, "kind \(kind)")
        }
    }

    private mutating func restoreRun(_ index: Int, length: Int) throws(StoreError) {
        guard length > 0, index + length <= chunkCount else {
            throw ChunkMap.damaged(index, "run of \(length)")
        }
        unsafe map[index].pointee.runLength = UInt32(length)
        unsafe map.saved(index).pointee.liveSlots = 1
        runBodies = (index + 1)..<(index + length)
    }

    /// All chunks were restored.
    package func checkRestored() throws(StoreError) {
        if !runBodies.isEmpty { throw ChunkMap.damaged(runBodies.lowerBound, "free where a run goes on") }
    }

    private func setGeometry(_ index: Int, _ sizeClass: Int) {
        let chunk = unsafe map[index]
        let geometry = unsafe ChunkGeometry(
            sizeClass: sizeClass, reservedBytes: Int(chunk.pointee.reservedBytes))
        unsafe chunk.pointee.slotBytes = UInt32(geometry.slotBytes)
        unsafe chunk.pointee.slotsStart = UInt32(geometry.slotsStart)
        unsafe chunk.pointee.slotCount = UInt32(geometry.slotCount)
    }

    /// Whether so many chunks may be taken. Before that is denied, chunks that hold nothing become free.
    private mutating func hasFree(_ count: Int, mayUseReserve: Bool) -> Bool {
        if mayTake(count, mayUseReserve) { return true }
        giveBackEmptyChunks()
        return mayTake(count, mayUseReserve)
    }

    private func mayTake(_ count: Int, _ mayUseReserve: Bool) -> Bool {
        freeChunks - (mayUseReserve ? 0 : heldBackChunks) >= count
    }

    /// A class keeps the chunk that it allocates from, also when that is empty again.
    private mutating func giveBackEmptyChunks() {
        for sizeClass in current.indices {
            let index = current[sizeClass]
            guard index >= 0, unsafe map[index].pointee.freeSlots == map[index].pointee.slotCount
            else { continue }
            current[sizeClass] = -1
            giveBackChunk(index)
        }
    }

    /// No chunk before `freeHint` is free.
    private mutating func takeChunk(mayUseReserve: Bool) -> Int? {
        guard hasFree(1, mayUseReserve: mayUseReserve),
            let index = (freeHint..<chunkCount).first(where: { unsafe map[$0].pointee.kind == Chunk.free })
        else { return nil }
        freeHint = index
        freeChunks -= 1
        isTakingChunks = true
        return index
    }

    private mutating func giveBackChunk(_ index: Int) {
        let chunk = unsafe map[index]
        if unsafe chunk.pointee.kind == Chunk.slab { nodeRoom.addFree(unsafe -Int(chunk.pointee.freeSlots)) }
        unsafe chunk.pointee.kind = Chunk.free
        unsafe chunk.pointee.isListed = 0
        unsafe chunk.pointee.freeSlots = 0
        unsafe chunk.pointee.busyWords?.deallocate()
        unsafe chunk.pointee.busy = 0
        freeChunks += 1
        freeHint = min(freeHint, index)
    }

    // MARK: Slots

    /// A free slot of a class, as an offset; nil when there is no space.
    @inline(__always)
    package mutating func allocate(sizeClass: Int, mayUseReserve: Bool = false) throws(StoreError) -> UInt64?
    {
        let index = current[sizeClass]
        if index >= 0, let offset = takeSlot(index) {
            if sizeClass == SizeClass.node { nodeRoom.addFree(-1) }
            return offset
        }
        let offset = try allocateElsewhere(sizeClass, mayUseReserve: mayUseReserve)
        if sizeClass == SizeClass.node, offset != nil { nodeRoom.addFree(-1) }
        return offset
    }

    @inline(__always)
    private mutating func takeSlot(_ index: Int) -> UInt64? {
        let chunk = unsafe map[index]
        guard unsafe chunk.pointee.freeSlots != 0, let words = unsafe chunk.pointee.busyWords else {
            return nil
        }
        var word = unsafe Int(chunk.pointee.hint)
        let end = unsafe chunk.pointee.words
        while word < end {
            let free = unsafe ~words[word]
            if free != 0 {
                let bit = free.trailingZeroBitCount
                unsafe words[word] |= 1 << UInt64(bit)
                unsafe chunk.pointee.hint = UInt32(word)
                unsafe chunk.pointee.freeSlots -= 1
                let slot = word * 64 + bit
                let place = unsafe Int(chunk.pointee.slotsStart) + slot * Int(chunk.pointee.slotBytes)
                return UInt64(index) << Space.chunkShift + UInt64(place)
            }
            word += 1
        }
        return nil
    }

    @inline(never)
    private mutating func allocateElsewhere(_ sizeClass: Int, mayUseReserve: Bool) throws(StoreError)
        -> UInt64?
    {
        if let offset = try allocateFromPartial(sizeClass) { return offset }
        if let index = takeChunk(mayUseReserve: mayUseReserve) {
            unsafe map[index].pointee.kind = Chunk.slab + UInt8(sizeClass)
            setGeometry(index, sizeClass)
            if unsafe map[index].pointee.slotCount > 0 {
                unsafe prepareBusy(index)
                if sizeClass == SizeClass.node { nodeRoom.addFree(unsafe Int(map[index].pointee.slotCount)) }
                current[sizeClass] = index
                return takeSlot(index)
            }
            // The short first chunk of a segment has no room for so large a slot: leave it to others.
            let offset = try allocateElsewhere(sizeClass, mayUseReserve: mayUseReserve)
            giveBackChunk(index)
            return offset
        }
        return try sweep(sizeClass) ? allocateFromPartial(sizeClass) : nil
    }

    private mutating func allocateFromPartial(_ sizeClass: Int) throws(StoreError) -> UInt64? {
        while let candidate = partial[sizeClass].popLast() {
            let index = Int(candidate)
            let chunk = unsafe map[index]
            guard unsafe chunk.pointee.kind == Chunk.slab + UInt8(sizeClass),
                unsafe chunk.pointee.isListed == 1
            else { continue }
            unsafe chunk.pointee.isListed = 0
            try loadBusy(index)
            unsafe chunk.pointee.hint = 0
            current[sizeClass] = index
            if let offset = takeSlot(index) { return offset }
        }
        return nil
    }

    /// Lists every chunk of the class that has a free slot at all. Before the store is called full.
    private mutating func sweep(_ sizeClass: Int) -> Bool {
        var found = false
        for index in 0..<chunkCount {
            let chunk = unsafe map[index]
            guard unsafe chunk.pointee.kind == Chunk.slab + UInt8(sizeClass),
                unsafe chunk.pointee.freeSlots > 0,
                unsafe chunk.pointee.isListed == 0
            else { continue }
            unsafe chunk.pointee.isListed = 1
            partial[sizeClass].append(UInt32(index))
            found = true
        }
        return found
    }

    /// A chunk becomes a candidate once a thirty-second of it is free: what is scattered more thinly lies fallow.
    private mutating func list(_ index: Int) {
        let chunk = unsafe map[index]
        guard let sizeClass = unsafe Chunk.sizeClass(chunk.pointee.kind), unsafe chunk.pointee.isListed == 0,
            unsafe chunk.pointee.freeSlots > chunk.pointee.slotCount / 32, current[sizeClass] != index
        else { return }
        unsafe chunk.pointee.isListed = 1
        partial[sizeClass].append(UInt32(index))
    }

    /// Gives a slot or a run back.
    package mutating func release(_ offset: UInt64) throws(StoreError) {
        try release(SlotGroup(offset, in: map))
    }

    /// Gives slots of one word, or a run, back.
    mutating func release(_ group: SlotGroup) throws(StoreError) {
        guard let word = group.word else {
            releaseRun(group.chunk)
            return
        }
        let chunk = unsafe map[group.chunk]
        try loadBusy(group.chunk)
        guard let words = unsafe chunk.pointee.busyWords, unsafe words[word] & group.bits == group.bits
        else { throw ChunkMap.damaged(group.chunk, "a slot of word \(word) is free already") }
        let count = group.bits.nonzeroBitCount
        unsafe words[word] &= ~group.bits
        unsafe chunk.pointee.freeSlots += UInt32(count)
        if unsafe chunk.pointee.kind == Chunk.slab { nodeRoom.release(count) }
        if unsafe chunk.pointee.hint > UInt32(word) { unsafe chunk.pointee.hint = UInt32(word) }
        if unsafe chunk.pointee.freeSlots == chunk.pointee.slotCount, !isCurrent(group.chunk) {
            giveBackChunk(group.chunk)
        } else {
            list(group.chunk)
        }
    }

    /// Of a chunk of slots.
    private func isCurrent(_ index: Int) -> Bool {
        unsafe current[Int(map[index].pointee.kind - Chunk.slab)] == index
    }

    /// Takes the slot or run that a replayed record lies in, which the last checkpoint knows as free.
    package mutating func claim(_ offset: UInt64, byteCount: Int) throws(StoreError) {
        guard let sizeClass = SizeClass.index(for: byteCount) else {
            try claimRun(ChunkMap.index(offset), length: Self.runLength(byteCount))
            return
        }
        try claimSlot(offset, sizeClass: sizeClass)
    }

    /// Takes the slot at an offset.
    package mutating func claimSlot(_ offset: UInt64, sizeClass: Int) throws(StoreError) {
        let index = ChunkMap.index(offset)
        guard index < chunkCount else { throw ChunkMap.damaged(index, "beyond the store") }
        let chunk = unsafe map[index]
        if unsafe chunk.pointee.kind == Chunk.free {
            freeChunks -= 1
            unsafe chunk.pointee.kind = Chunk.slab + UInt8(sizeClass)
            setGeometry(index, sizeClass)
            unsafe prepareBusy(index)
            unsafe chunk.pointee.isListed = 0
        }
        guard unsafe chunk.pointee.kind == Chunk.slab + UInt8(sizeClass),
            let slot = unsafe ChunkMap.slot(chunk, offset)
        else { throw ChunkMap.damaged(index, "no slot of class \(sizeClass) at \(offset)") }
        try loadBusy(index)
        guard let words = unsafe chunk.pointee.busyWords,
            unsafe words[slot >> 6] >> UInt64(slot & 63) & 1 == 0
        else { throw ChunkMap.damaged(index, "slot at \(offset) is taken") }
        unsafe words[slot >> 6] |= 1 << UInt64(slot & 63)
        unsafe chunk.pointee.freeSlots -= 1
        list(index)
    }

    // MARK: Busy bitmaps

    @discardableResult
    private func prepareBusy(_ index: Int) -> UnsafeMutablePointer<UInt64> {
        let chunk = unsafe map[index]
        let words = unsafe chunk.pointee.words
        let busy = unsafe UnsafeMutablePointer<UInt64>.allocateZeroed(words)
        let used = unsafe Int(chunk.pointee.slotCount) & 63
        if used != 0 { unsafe busy[words - 1] = ~0 << UInt64(used) }
        unsafe chunk.pointee.busy = UInt(bitPattern: busy)
        unsafe chunk.pointee.freeSlots = unsafe chunk.pointee.slotCount
        unsafe chunk.pointee.hint = 0
        return unsafe busy
    }

    /// Loads a chunk's bitmap when its slots are first touched after open.
    @inline(__always)
    package func loadBusy(_ index: Int) throws(StoreError) {
        if unsafe map[index].pointee.busy == 0 { try loadBusySlowly(index) }
    }

    @inline(never)
    private func loadBusySlowly(_ index: Int) throws(StoreError) {
        let busy = unsafe prepareBusy(index)
        let chunk = unsafe map[index]
        if unsafe map.saved(index).pointee.savedKind == chunk.pointee.kind,
            unsafe map.saved(index).pointee.liveSlots > 0
        {
            do throws(StoreError) {
                try unsafe Bitmap.load(medium, chunk: index, map: map, into: busy)
            } catch {
                // Nothing of a chunk whose bitmap is damaged may be given out, now or later.
                unsafe busy.deallocate()
                unsafe chunk.pointee.busy = 0
                unsafe chunk.pointee.freeSlots = 0
                throw error
            }
            unsafe chunk.pointee.freeSlots =
                unsafe chunk.pointee.slotCount - map.saved(index).pointee.liveSlots
        }
    }

    // MARK: Runs

    /// Chunks that a large value of `byteCount` bytes takes.
    package static func runLength(_ byteCount: Int) -> Int {
        (byteCount + Space.chunkBytes - 1) / Space.chunkBytes
    }

    /// A slot, or a run where no slot is large enough; nil when there is no space.
    package mutating func allocate(
        byteCount: Int, mayUseReserve: Bool = false
    ) throws(StoreError) -> UInt64? {
        guard let sizeClass = SizeClass.index(for: byteCount) else {
            return allocateRun(byteCount, mayUseReserve: mayUseReserve)
        }
        return try allocate(sizeClass: sizeClass, mayUseReserve: mayUseReserve)
    }

    /// A run of whole free chunks for `byteCount` bytes; nil when there is none so long.
    package mutating func allocateRun(_ byteCount: Int, mayUseReserve: Bool) -> UInt64? {
        let length = Self.runLength(byteCount)
        guard hasFree(length, mayUseReserve: mayUseReserve) else { return nil }
        var found = 0
        for index in 0..<chunkCount {
            let chunk = unsafe map[index]
            let isFree = unsafe chunk.pointee.kind == Chunk.free && chunk.pointee.reservedBytes == 0
            found = isFree ? found + 1 : 0
            if found == length {
                let first = index + 1 - length
                takeRun(first, length: length)
                return UInt64(first) << Space.chunkShift
            }
        }
        return nil
    }

    private mutating func takeRun(_ first: Int, length: Int) {
        for index in first..<(first + length) { unsafe map[index].pointee.kind = Chunk.runBody }
        unsafe map[first].pointee.kind = Chunk.run
        unsafe map[first].pointee.runLength = UInt32(length)
        freeChunks -= length
        isTakingChunks = true
    }

    private mutating func claimRun(_ first: Int, length: Int) throws(StoreError) {
        guard first + length <= chunkCount else { throw ChunkMap.damaged(first, "run of \(length)") }
        for index in first..<(first + length) where unsafe map[index].pointee.kind != Chunk.free {
            throw ChunkMap.damaged(index, "taken where a run of \(length) lies")
        }
        takeRun(first, length: length)
    }

    private mutating func releaseRun(_ first: Int) {
        let length = unsafe Int(map[first].pointee.runLength)
        for index in first..<(first + length) { giveBackChunk(index) }
    }
}

extension UnsafeMutablePointer where Pointee == UInt64 {
    /// Zeroed words.
    static func allocateZeroed(_ count: Int) -> UnsafeMutablePointer<UInt64> {
        let start = UnsafeMutablePointer<UInt64>.allocate(capacity: count)
        unsafe start.initialize(repeating: 0, count: count)
        return unsafe start
    }
}
