internal import CPmem
internal import Glibc

/// What the holder of the write gate knows about one chunk: which slots may not be given out. All zero at first, as it
/// comes from the kernel.
package struct Chunk: BitwiseCopyable {
    // Fixed when the chunk becomes known.
    package var reservedBytes: UInt32
    // Geometry of the current kind.
    package var slotBytes: UInt32
    package var slotsStart: UInt32
    package var slotCount: UInt32
    package var busy: UInt
    package var freeSlots: UInt32
    package var hint: UInt32
    package var kind: UInt8
    package var isListed: UInt8
    /// Chunks of the run that starts here.
    package var runLength: UInt32

    @inline(__always)
    package var busyWords: UnsafeMutablePointer<UInt64>? { unsafe UnsafeMutablePointer(bitPattern: busy) }
    package var words: Int { (Int(slotCount) + 63) / 64 }
}

/// What the checkpointer knows about one chunk: which slots the trees of the last checkpoint reach, and where that is
/// written down. All zero at first.
package struct SavedChunk: BitwiseCopyable {
    /// As ``Chunk/reservedBytes``, which is the writer's.
    package var reservedBytes: UInt32
    package var savedKind: UInt8
    package var copy: UInt8
    package var isChanged: UInt8
    package var liveSlots: UInt32
    package var bitmapChecksum: UInt32
    package var live: UInt

    @inline(__always)
    package var liveWords: UnsafeMutablePointer<UInt64>? { unsafe UnsafeMutablePointer(bitPattern: live) }
}

/// All chunks of a store, in address order, in two arrays that never move: one for each of the two threads.
@safe package struct ChunkMap: @unchecked Sendable {
    package let chunks: UnsafeMutablePointer<Chunk>
    package let savedChunks: UnsafeMutablePointer<SavedChunk>
    package let limit: Int

    package init(addressBytes: UInt64) throws(SystemFailure) {
        limit = Int(addressBytes >> Space.chunkShift)
        unsafe chunks = try unsafe Virtual.claim(Chunk.self, count: limit)
        do {
            unsafe savedChunks = try unsafe Virtual.claim(SavedChunk.self, count: limit)
        } catch {
            unsafe Virtual.deallocate(chunks, count: limit)
            throw error
        }
    }

    /// Gives the memory back, bitmaps included.
    package func deallocate(count: Int) {
        for index in 0..<count {
            unsafe chunks[index].busyWords?.deallocate()
            unsafe savedChunks[index].liveWords?.deallocate()
        }
        unsafe Virtual.deallocate(chunks, count: limit)
        unsafe Virtual.deallocate(savedChunks, count: limit)
    }

    /// Gives back the checkpointer's bitmap of a chunk that nothing lives in any more.
    func freeLiveBitmap(_ index: Int) {
        unsafe savedChunks[index].liveWords?.deallocate()
        unsafe savedChunks[index].live = 0
    }

    /// What is said of a chunk cannot be.
    static func damaged(_ index: Int, _ detail: String) -> StoreError {
        .corrupted(
            .init(.chunkTable, offset: UInt64(index) << Space.chunkShift, detail: "chunk \(index): \(detail)")
        )
    }

    @inline(__always)
    package subscript(_ index: Int) -> UnsafeMutablePointer<Chunk> { unsafe chunks + index }

    /// The checkpointer's half.
    @inline(__always)
    package func saved(_ index: Int) -> UnsafeMutablePointer<SavedChunk> { unsafe savedChunks + index }

    @inline(__always)
    package static func index(_ offset: UInt64) -> Int { Int(offset >> Space.chunkShift) }

    /// The slot of an offset, or nil when no slot starts there.
    @inline(__always)
    package static func slot(_ chunk: UnsafeMutablePointer<Chunk>, _ offset: UInt64) -> Int? {
        let place = unsafe Int(offset) & (Space.chunkBytes - 1) - Int(chunk.pointee.slotsStart)
        let bytes = unsafe Int(chunk.pointee.slotBytes)
        if place < 0 || bytes == 0 { return nil }
        let slot = place / bytes
        return unsafe slot < Int(chunk.pointee.slotCount) && slot * bytes == place ? slot : nil
    }
}

extension Chunk {
    package static let free = UInt8(CPM_CHUNK_FREE)
    package static let reserved = UInt8(CPM_CHUNK_RESERVED)
    package static let run = UInt8(CPM_CHUNK_RUN)
    package static let runBody = UInt8(CPM_CHUNK_RUN_BODY)
    package static let slab = UInt8(CPM_CHUNK_SLAB)

    /// The size class of a chunk with slots.
    package static func sizeClass(_ kind: UInt8) -> Int? {
        kind >= slab && Int(kind - slab) < SizeClass.count ? Int(kind - slab) : nil
    }
}
