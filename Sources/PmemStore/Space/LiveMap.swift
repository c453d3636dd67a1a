internal import CPmem
internal import Glibc

/// Which slots the trees of a checkpoint reach: births and deaths of commits, applied in order.
///
/// Belongs to the checkpointer. After a checkpoint its bitmaps are exactly the reachable set (no leak, no loss).
@safe package struct LiveMap<M: Medium>: ~Copyable {
    let medium: M
    let map: ChunkMap
    /// Chunks whose descriptor or bitmap differs from what was saved last.
    private var changed: [Int] = []
    private let scratch: UnsafeMutableRawPointer

    package init(medium: M, map: ChunkMap) {
        self.medium = medium
        self.map = map
        unsafe scratch = .allocate(byteCount: 8192, alignment: 64)
    }

    deinit { unsafe scratch.deallocate() }

    /// A slot or a run is reachable from now on.
    package mutating func born(_ offset: UInt64) throws(StoreError) {
        let index = ChunkMap.index(offset)
        let chunk = unsafe map[index]
        if unsafe chunk.pointee.kind == Chunk.run {
            setRun(index, kind: Chunk.run)
            return
        }
        if unsafe map.saved(index).pointee.liveSlots == 0 { startOver(index) }
        try loadLive(index)
        guard let slot = unsafe ChunkMap.slot(chunk, offset),
            let words = unsafe map.saved(index).pointee.liveWords,
            unsafe words[slot >> 6] >> UInt64(slot & 63) & 1 == 0
        else { throw inconsistent(offset, "born twice") }
        unsafe words[slot >> 6] |= 1 << UInt64(slot & 63)
        unsafe map.saved(index).pointee.liveSlots += 1
        note(index)
    }

    /// A slot or a run is not reachable any more.
    package mutating func died(_ offset: UInt64) throws(StoreError) {
        let index = ChunkMap.index(offset)
        guard index < map.limit else { throw inconsistent(offset, "died beyond the store") }
        let chunk = unsafe map[index]
        if unsafe chunk.pointee.kind == Chunk.run {
            setRun(index, kind: Chunk.free)
            return
        }
        try loadLive(index)
        guard let slot = unsafe ChunkMap.slot(chunk, offset),
            let words = unsafe map.saved(index).pointee.liveWords,
            unsafe words[slot >> 6] >> UInt64(slot & 63) & 1 == 1
        else { throw inconsistent(offset, "died unborn") }
        unsafe words[slot >> 6] &= ~(1 << UInt64(slot & 63))
        unsafe map.saved(index).pointee.liveSlots -= 1
        if unsafe map.saved(index).pointee.liveSlots == 0 {
            unsafe map.saved(index).pointee.savedKind = Chunk.free
        }
        note(index)
    }

    private func inconsistent(_ offset: UInt64, _ detail: String) -> StoreError {
        .corrupted(.init(.bitmap, offset: offset, detail: "slot \(detail)"))
    }

    private mutating func note(_ index: Int) {
        if unsafe map.saved(index).pointee.isChanged == 0 {
            unsafe map.saved(index).pointee.isChanged = 1
            changed.append(index)
        }
    }

    /// The first birth in a chunk that had none, perhaps of another kind than before.
    private mutating func startOver(_ index: Int) {
        let chunk = unsafe map[index]
        map.freeLiveBitmap(index)
        unsafe map.saved(index).pointee.live = unsafe UInt(
            bitPattern: UnsafeMutablePointer<UInt64>.allocateZeroed(chunk.pointee.words))
        unsafe map.saved(index).pointee.savedKind = unsafe chunk.pointee.kind
    }

    private func loadLive(_ index: Int) throws(StoreError) {
        let chunk = unsafe map[index]
        if unsafe map.saved(index).pointee.live != 0 { return }
        let words = unsafe UnsafeMutablePointer<UInt64>.allocateZeroed(chunk.pointee.words)
        unsafe map.saved(index).pointee.live = UInt(bitPattern: words)
        if unsafe map.saved(index).pointee.liveSlots > 0 {
            try unsafe Bitmap.load(medium, chunk: index, map: map, into: words)
        }
    }

    private mutating func setRun(_ first: Int, kind: UInt8) {
        for index in unsafe first..<(first + Int(map[first].pointee.runLength)) {
            let isFirst = index == first
            unsafe map.saved(index).pointee.savedKind = kind == Chunk.run && !isFirst ? Chunk.runBody : kind
            unsafe map.saved(index).pointee.liveSlots = kind == Chunk.run && isFirst ? 1 : 0
            note(index)
        }
    }

    /// Starts writing the bitmaps that changed; returns the chunks whose descriptors changed, in order.
    package mutating func save(epoch: UInt32) -> [Int] {
        for index in changed {
            unsafe map.saved(index).pointee.isChanged = 0
            if unsafe map.saved(index).pointee.liveSlots > 0 {
                unsafe Bitmap.save(medium, chunk: index, map: map, epoch: epoch, scratch: scratch)
            }
        }
        let all = changed.sorted()
        changed.removeAll(keepingCapacity: true)
        return all
    }
}
