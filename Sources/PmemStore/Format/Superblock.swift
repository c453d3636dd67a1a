package import CPmem
internal import Glibc

/// One of the two superblock slots: the root of everything that survives a crash (docs/format.md, "Superblock").
package struct Superblock: Sendable {
    package var fields: cpm_superblock
    /// Two bits for each chunk table block.
    package var copyBits: [UInt8]

    package static let slotBytes = Int(CPM_SUPERBLOCK_SLOT_BYTES)
    package static let headerBytes = MemoryLayout<cpm_superblock>.size
    /// Blocks that a slot's bits can name.
    package static let blockLimit = (slotBytes - headerBytes) * 4

    /// Counters beyond these are damage: no store lives so long, and nothing overflows below them.
    package static let numberLimit: UInt64 = 1 << 62
    package static let epochLimit: UInt64 = 1 << 31

    package init(fields: cpm_superblock, copyBits: [UInt8]) {
        self.fields = fields
        self.copyBits = copyBits
    }

    /// Offset of the slot that a generation is written to.
    package static func offset(generation: UInt64) -> UInt64 {
        4096 + (generation & 1) * UInt64(slotBytes)
    }

    /// Bytes of a slot that mean something. What lies behind them nobody reads.
    package var byteCount: Int { Self.headerBytes + copyBits.count }

    /// The bytes to write at ``offset(generation:)``: whole lines, checksum included.
    package func encoded() -> [UInt8] {
        let used = byteCount
        var bytes = [UInt8](repeating: 0, count: (used + 63) & ~63)
        var fields = fields
        fields.magic = CPM_SUPERBLOCK_MAGIC
        fields.version = UInt32(CPM_FORMAT_VERSION)
        fields.offset = Self.offset(generation: fields.generation)
        fields.checksum = 0
        unsafe bytes.withUnsafeMutableBytes { buffer in
            unsafe buffer.storeBytes(of: fields, as: cpm_superblock.self)
            for index in 0..<copyBits.count { unsafe buffer[Self.headerBytes + index] = copyBits[index] }
            guard let start = buffer.baseAddress else { return }
            fields.checksum = unsafe Checksum.of(
                start, used, seed: Checksum.seed(.superblock, offset: fields.offset))
            unsafe buffer.storeBytes(of: fields.checksum, toByteOffset: 12, as: UInt32.self)
        }
        return bytes
    }

    /// What a slot holds, if it is valid: magic, version, place, sizes and checksum.
    package init?(slot bytes: UnsafeRawPointer, offset: UInt64) {
        var fields = unsafe bytes.loadUnaligned(as: cpm_superblock.self)
        guard fields.magic == CPM_SUPERBLOCK_MAGIC, fields.offset == offset,
            Int(fields.tableBlockCount) <= Self.blockLimit
        else { return nil }
        let bits = (Int(fields.tableBlockCount) + 3) / 4
        var copy = unsafe [UInt8](UnsafeRawBufferPointer(start: bytes, count: Self.headerBytes + bits))
        for index in 12..<16 { copy[index] = 0 }
        let computed = unsafe copy.withUnsafeBytes { buffer in
            unsafe buffer.baseAddress.map {
                unsafe Checksum.of($0, buffer.count, seed: Checksum.seed(.superblock, offset: offset))
            }
        }
        guard computed == fields.checksum, Self.offset(generation: fields.generation) == offset
        else { return nil }
        fields.checksum = 0
        self.fields = fields
        copyBits = Array(copy[Self.headerBytes...])
    }
}
