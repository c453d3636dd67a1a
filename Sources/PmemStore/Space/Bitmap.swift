internal import CPmem
internal import Glibc

/// The slot bitmaps at the start of a chunk: two copies, of which the chunk's descriptor names the one that counts.
package enum Bitmap {
    /// Offset of a copy.
    static func place(_ chunk: Int, _ geometry: ChunkGeometry, copy: UInt8) -> UInt64 {
        UInt64(chunk) << Space.chunkShift + UInt64(geometry.bitmapStart + Int(copy) * geometry.bitmapBytes)
    }

    /// Sets the bits of the live slots in `words`.
    ///
    /// - Throws: ``StoreError/corrupted(_:)`` when the copy is not what the descriptor says.
    package static func load<M: Medium>(
        _ medium: M, chunk index: Int, map: ChunkMap, into words: UnsafeMutablePointer<UInt64>
    ) throws(StoreError) {
        guard let geometry = unsafe geometry(index, kind: map.saved(index).pointee.savedKind, map: map) else {
            let kind = unsafe map.saved(index).pointee.savedKind
            throw .corrupted(
                .init(
                    .bitmap, offset: UInt64(index) << Space.chunkShift, detail: "kind \(kind) has no bitmap"))
        }
        let place = unsafe place(index, geometry, copy: map.saved(index).pointee.copy)
        let bytes = unsafe medium.readChecked(place, 16 + 8 * geometry.words)
        let head = unsafe bytes.loadUnaligned(as: cpm_bitmap.self)
        let checksum = unsafe Checksum.of(
            bytes + 8, 8 + 8 * geometry.words, seed: Checksum.seed(.bitmap, offset: place))
        guard head.magic == CPM_BITMAP_MAGIC, Int(head.slotCount) == geometry.slotCount,
            head.checksum == checksum, unsafe checksum == map.saved(index).pointee.bitmapChecksum
        else {
            let named = unsafe map.saved(index).pointee.bitmapChecksum
            throw .corrupted(
                .init(
                    .bitmap, offset: place,
                    detail: "checksum \(head.checksum), computed \(checksum), descriptor \(named)"))
        }
        let bits = unsafe (bytes + 16).assumingMemoryBound(to: UInt64.self)
        let live = unsafe Int(cpm_count_bits(bits, UInt64(geometry.words)))
        for word in 0..<geometry.words { unsafe words[word] |= bits[word] }
        let named = unsafe Int(map.saved(index).pointee.liveSlots)
        guard live == named else {
            throw .corrupted(
                .init(.bitmap, offset: place, detail: "\(live) bits, the descriptor says \(named)"))
        }
    }

    /// Starts writing the live bits to the copy that does not count, and makes the chunk's state name it.
    package static func save<M: Medium>(
        _ medium: M, chunk index: Int, map: ChunkMap, epoch: UInt32, scratch: UnsafeMutableRawPointer
    ) {
        guard let geometry = unsafe geometry(index, kind: map.saved(index).pointee.savedKind, map: map),
            let live = unsafe map.saved(index).pointee.liveWords
        else { return }
        let copy = unsafe 1 - map.saved(index).pointee.copy
        let place = place(index, geometry, copy: copy)
        unsafe memset(scratch, 0, geometry.bitmapBytes)
        unsafe memcpy(scratch + 16, live, 8 * geometry.words)
        var head = cpm_bitmap(
            magic: UInt32(CPM_BITMAP_MAGIC), checksum: 0, slotCount: UInt32(geometry.slotCount), epoch: epoch)
        unsafe scratch.storeBytes(of: head, as: cpm_bitmap.self)
        head.checksum = unsafe Checksum.of(
            scratch + 8, 8 + 8 * geometry.words, seed: Checksum.seed(.bitmap, offset: place))
        unsafe scratch.storeBytes(of: head, as: cpm_bitmap.self)
        unsafe medium.copyIn(place, scratch, geometry.bitmapBytes)
        unsafe map.saved(index).pointee.copy = copy
        unsafe map.saved(index).pointee.bitmapChecksum = head.checksum
    }

    static func geometry(_ index: Int, kind: UInt8, map: ChunkMap) -> ChunkGeometry? {
        guard let sizeClass = Chunk.sizeClass(kind) else { return nil }
        return unsafe ChunkGeometry(
            sizeClass: sizeClass, reservedBytes: Int(map.saved(index).pointee.reservedBytes))
    }
}
