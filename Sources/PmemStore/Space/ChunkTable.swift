internal import CPmem
internal import Glibc

/// The chunks of one segment and where their descriptors lie.
package struct ChunkTableSegment: Sendable {
    package let firstChunk: Int
    package let chunkCount: Int
    /// Offset of the segment's table in the store's address range.
    package let tableOffset: UInt64
    /// Number of the segment's first block among all blocks of the store.
    package let firstBlock: Int

    package init(firstChunk: Int, chunkCount: Int, tableOffset: UInt64, firstBlock: Int) {
        self.firstChunk = firstChunk
        self.chunkCount = chunkCount
        self.tableOffset = tableOffset
        self.firstBlock = firstBlock
    }

    package var blockCount: Int { Self.blocks(chunkCount) }

    package static func blocks(_ chunks: Int) -> Int {
        (chunks + ChunkTable.chunksPerBlock - 1) / ChunkTable.chunksPerBlock
    }
}

/// The descriptors of all chunks on the medium: blocks with two copies each, of which the superblock's bits name one.
///
/// A checkpoint writes the changed blocks to the copies that do not count; the superblock then switches all at once.
package struct ChunkTable: Sendable {
    package static let chunksPerBlock = Int(CPM_TABLE_BLOCK_CHUNKS)
    package static let blockBytes = MemoryLayout<cpm_table_block>.size

    package private(set) var segments: [ChunkTableSegment] = []
    /// Which copy of each block counts, 0 or 1.
    package private(set) var copies: [UInt8] = []
    /// Blocks that were never written: all their chunks are free.
    private var isWritten: [Bool] = []

    package init() {}

    package var blockCount: Int { copies.count }

    /// Bits as the superblock holds them: two for each block, bit 0 the copy, bit 1 set once it was written.
    package var copyBits: [UInt8] {
        var bits = [UInt8](repeating: 0, count: (blockCount + 3) / 4)
        for block in 0..<blockCount where isWritten[block] {
            bits[block / 4] |= (copies[block] | 2) << UInt8(2 * (block % 4))
        }
        return bits
    }

    /// Enters a segment behind the others; its blocks follow theirs.
    package mutating func add(_ segment: ChunkTableSegment) {
        segments.append(
            ChunkTableSegment(
                firstChunk: segment.firstChunk, chunkCount: segment.chunkCount,
                tableOffset: segment.tableOffset, firstBlock: blockCount))
        copies += [UInt8](repeating: 0, count: segment.blockCount)
        isWritten += [Bool](repeating: false, count: segment.blockCount)
    }

    /// Forgets the last segment, whose chunks are all free. Only where there is one.
    package mutating func removeLast() {
        let last = segments.removeLast()
        copies.removeLast(last.blockCount)
        isWritten.removeLast(last.blockCount)
    }

    /// Takes over the bits of a superblock.
    package mutating func setCopyBits(_ bits: UnsafeRawBufferPointer, blockCount: Int) {
        for block in 0..<min(blockCount, copies.count) {
            let pair = unsafe bits[block / 4] >> UInt8(2 * (block % 4)) & 3
            copies[block] = pair & 1
            isWritten[block] = pair & 2 != 0
        }
    }

    /// Bytes up to the end of the last segment.
    package var byteCount: UInt64 {
        segments.reduce(0) { max($0, UInt64($1.firstChunk + $1.chunkCount) << Space.chunkShift) }
    }

    private func place(_ segment: ChunkTableSegment, block: Int, copy: UInt8) -> UInt64 {
        let index = 2 * (block - segment.firstBlock) + Int(copy)
        return segment.tableOffset + UInt64(index * Self.blockBytes)
    }

    /// Reads all descriptors; calls `body` with each chunk that is not free.
    package func load<M: Medium>(
        _ medium: M, _ body: (Int, UInt64) throws(StoreError) -> Void
    ) throws(StoreError) {
        for segment in segments {
            for block in segment.firstBlock..<(segment.firstBlock + segment.blockCount)
            where isWritten[block] {
                let place = place(segment, block: block, copy: copies[block])
                let bytes = unsafe medium.readChecked(place, Self.blockBytes)
                try unsafe verify(bytes, place: place)
                let first = segment.firstChunk + (block - segment.firstBlock) * Self.chunksPerBlock
                let count = min(Self.chunksPerBlock, segment.firstChunk + segment.chunkCount - first)
                for index in 0..<count {
                    let descriptor = unsafe bytes.loadUnaligned(
                        fromByteOffset: 64 + 8 * index, as: UInt64.self)
                    if descriptor & 0xff != 0 { try body(first + index, descriptor) }
                }
            }
        }
    }

    private func verify(_ bytes: UnsafeRawPointer, place: UInt64) throws(StoreError) {
        let head = unsafe bytes.loadUnaligned(as: cpm_table_block.self)
        let checksum = unsafe Checksum.of(
            bytes + 12, Self.blockBytes - 12, seed: Checksum.seed(.chunkTable, offset: place))
        guard head.magic == CPM_TABLE_MAGIC, head.offset == place, head.checksum == checksum else {
            throw .corrupted(
                .init(
                    .chunkTable, offset: place, detail: "checksum \(head.checksum), computed \(checksum)"))
        }
    }

    /// Starts writing the blocks of the changed chunks (ascending) to the copies that do not count.
    package mutating func save<M: Medium>(_ medium: M, map: ChunkMap, changed: [Int], generation: UInt64) {
        var last = -1
        var owner = 0
        for chunk in changed {
            while owner + 1 < segments.count, segments[owner + 1].firstChunk <= chunk { owner += 1 }
            let segment = segments[owner]
            let block = segment.firstBlock + (chunk - segment.firstChunk) / Self.chunksPerBlock
            if block == last { continue }
            last = block
            copies[block] = isWritten[block] ? 1 - copies[block] : 0
            isWritten[block] = true
            write(medium, map: map, segment: segment, block: block, generation: generation)
        }
    }

    private func write<M: Medium>(
        _ medium: M, map: ChunkMap, segment: ChunkTableSegment, block: Int, generation: UInt64
    ) {
        let place = place(segment, block: block, copy: copies[block])
        let first = segment.firstChunk + (block - segment.firstBlock) * Self.chunksPerBlock
        let count = min(Self.chunksPerBlock, segment.firstChunk + segment.chunkCount - first)
        let bytes = UnsafeMutableRawPointer.allocate(byteCount: Self.blockBytes, alignment: 64)
        defer { unsafe bytes.deallocate() }
        unsafe memset(bytes, 0, Self.blockBytes)
        unsafe bytes.storeBytes(of: CPM_TABLE_MAGIC, toByteOffset: 0, as: UInt64.self)
        unsafe bytes.storeBytes(of: generation, toByteOffset: 16, as: UInt64.self)
        unsafe bytes.storeBytes(of: place, toByteOffset: 24, as: UInt64.self)
        for index in 0..<count {
            let descriptor = unsafe Self.descriptor(
                map.saved(first + index), runLength: map[first + index].pointee.runLength)
            unsafe bytes.storeBytes(of: descriptor, toByteOffset: 64 + 8 * index, as: UInt64.self)
        }
        let checksum = unsafe Checksum.of(
            bytes + 12, Self.blockBytes - 12, seed: Checksum.seed(.chunkTable, offset: place))
        unsafe bytes.storeBytes(of: checksum, toByteOffset: 8, as: UInt32.self)
        unsafe medium.copyIn(place, bytes, Self.blockBytes)
    }

    private static func descriptor(_ saved: UnsafeMutablePointer<SavedChunk>, runLength: UInt32) -> UInt64 {
        switch unsafe saved.pointee.savedKind {
        case Chunk.free, Chunk.reserved: return 0
        case Chunk.run: return UInt64(Chunk.run) | UInt64(runLength) << 32
        case Chunk.runBody: return UInt64(Chunk.runBody)
        default:
            return unsafe UInt64(saved.pointee.savedKind) | UInt64(saved.pointee.copy) << 8
                | UInt64(saved.pointee.liveSlots) << 16 | UInt64(saved.pointee.bitmapChecksum) << 32
        }
    }
}
