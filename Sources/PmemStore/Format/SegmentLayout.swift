internal import CPmem

/// Where things lie in a segment file. All offsets count from the segment's own start.
///
///     0        header, one page
///     4096     two superblock slots                      segment 0 only
///     ...      chunk table: two copies of each block, then up to a page boundary
///     ...      commit log                                segment 0 only
///     ...      reservedBytes: from here on, chunks for records and nodes
package struct SegmentLayout: Sendable, Equatable {
    package static let chunkBytes = UInt64(CPM_CHUNK_BYTES)
    package static let headerBytes: UInt64 = 4096
    package static let superblockSlotBytes = UInt64(CPM_SUPERBLOCK_SLOT_BYTES)
    package static let tableBlockBytes: UInt64 = 512
    /// No address space is larger; below it, sums of offsets cannot overflow.
    package static let byteLimit: UInt64 = 1 << 47

    package let index: Int
    /// Of the segment in the store's address range.
    package let baseOffset: UInt64
    package let byteCount: UInt64
    package let logBytes: UInt64

    package var chunkCount: Int { Int(byteCount / Self.chunkBytes) }
    package var tableBlockCount: Int {
        (chunkCount + Int(CPM_TABLE_BLOCK_CHUNKS) - 1) / Int(CPM_TABLE_BLOCK_CHUNKS)
    }
    package var chunkTableOffset: UInt64 {
        index == 0 ? Self.headerBytes + 2 * Self.superblockSlotBytes : Self.headerBytes
    }
    private var chunkTableEnd: UInt64 {
        Self.pageAligned(chunkTableOffset + UInt64(tableBlockCount) * 2 * Self.tableBlockBytes)
    }
    /// 0: no log here.
    package var logOffset: UInt64 { index == 0 ? chunkTableEnd : 0 }
    /// Everything before the first slot.
    package var reservedBytes: UInt64 { Self.pageAligned(chunkTableEnd + logBytes) }

    /// Nil when no segment can look like this. Values may come from a damaged header.
    ///
    /// - Parameter logBytes: A multiple of 4096; 0 in every segment but the first.
    package init?(index: Int, baseOffset: UInt64, byteCount: UInt64, logBytes: UInt64) {
        guard index >= 0 else { return nil }
        guard byteCount > 0, byteCount <= Self.byteLimit, byteCount.isMultiple(of: Self.chunkBytes) else {
            return nil
        }
        guard baseOffset <= Self.byteLimit, baseOffset.isMultiple(of: Self.chunkBytes) else { return nil }
        guard (index == 0) == (baseOffset == 0), (index == 0) == (logBytes > 0) else { return nil }
        guard logBytes <= byteCount, logBytes.isMultiple(of: 4096) else { return nil }
        self.index = index
        self.baseOffset = baseOffset
        self.byteCount = byteCount
        self.logBytes = logBytes
        // At least one chunk must be left for records, or the segment is of no use.
        guard Self.chunkAligned(reservedBytes) < byteCount else { return nil }
    }

    /// Where superblock `slot` (0 or 1) lies; in segment 0 only.
    package static func superblockOffset(slot: Int) -> UInt64 {
        headerBytes + UInt64(slot) * superblockSlotBytes
    }

    /// The segment size that holds `byteCount` bytes; nil when none does.
    package static func chunkAlignedSize(_ byteCount: UInt64) -> UInt64? {
        byteCount <= byteLimit ? chunkAligned(byteCount) : nil
    }

    private static func chunkAligned(_ byteCount: UInt64) -> UInt64 {
        (byteCount + chunkBytes - 1) / chunkBytes * chunkBytes
    }

    private static func pageAligned(_ byteCount: UInt64) -> UInt64 {
        (byteCount + 4095) & ~4095
    }
}
