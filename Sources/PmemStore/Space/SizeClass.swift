/// Slot sizes. Class 0 is for tree nodes; the others are for records and for large values below a chunk.
///
/// Multiples of 64 bytes up to 2 KiB, then eight sizes for each doubling up to 64 KiB, then fractions of a chunk.
/// Rounding up costs less than a line up to 2 KiB and up to an eighth of the length up to 64 KiB. Above, it costs up to
/// a third at first, then a quarter of the length up to a quarter of a chunk. Beyond, only the third, the half and the
/// whole of a chunk are left: up to a third, a half and as much again.
package enum SizeClass {
    /// The class of tree nodes of ordinary size.
    package static let node = 0
    /// Largest slot; what is larger takes a run of whole chunks.
    package static let largestSlot = chunkRoom

    /// Room in a chunk behind two bitmaps of a few slots.
    private static let chunkRoom = (2 << 20) - 4096
    private static let fractions = [24, 20, 16, 14, 12, 10, 8, 7, 6, 5, 4, 3, 2, 1]

    /// Bytes of a slot, by class.
    package static let slotBytes: [Int] = {
        var sizes = [1024]
        sizes += stride(from: 64, through: 2048, by: 64)
        var step = 256
        while let last = sizes.last, last < 65_536 {
            sizes += stride(from: last + step, through: last + 8 * step, by: step)
            step *= 2
        }
        sizes += fractions.map { chunkRoom / $0 & ~63 }
        return sizes
    }()

    package static let count = slotBytes.count

    /// The smallest class for records of `byteCount` bytes; nil when only a run of chunks is large enough.
    @inline(__always)
    package static func index(for byteCount: Int) -> Int? {
        if byteCount <= 2048 { return max(1, (byteCount + 63) >> 6) }
        return largerIndex(for: byteCount)
    }

    private static func largerIndex(for byteCount: Int) -> Int? {
        if byteCount > largestSlot { return nil }
        var low = 33
        var high = count - 1
        while low < high {
            let middle = (low + high) / 2
            if slotBytes[middle] < byteCount { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// Where the slots of a chunk lie, as a function of its class and of the bytes that are reserved at its start.
package struct ChunkGeometry: Equatable, Sendable {
    /// Bytes of one slot.
    package let slotBytes: Int
    /// Number of slots.
    package let slotCount: Int
    /// Bytes from the chunk's start to the first bitmap copy.
    package let bitmapStart: Int
    /// Bytes of one bitmap copy, head included, a multiple of 64.
    package let bitmapBytes: Int
    /// Bytes from the chunk's start to slot 0.
    package let slotsStart: Int

    package init(sizeClass: Int, reservedBytes: Int) {
        let slot = SizeClass.slotBytes[sizeClass]
        let room = Space.chunkBytes - reservedBytes
        // A slot takes its bytes and two bits: from there on only what rounding takes.
        var slots = max(0, (4 * room - 128) / (4 * slot + 1))
        while slots > 0, 2 * Self.bitmapBytes(slots) + slots * slot > room { slots -= 1 }
        slotBytes = slot
        slotCount = slots
        bitmapStart = reservedBytes
        bitmapBytes = Self.bitmapBytes(slots)
        slotsStart = reservedBytes + 2 * Self.bitmapBytes(slots)
    }

    /// Words of the bitmap.
    package var words: Int { (slotCount + 63) / 64 }

    private static func bitmapBytes(_ slots: Int) -> Int { (16 + (slots + 63) / 64 * 8 + 63) & ~63 }
}

/// Constants of the space.
package enum Space {
    package static let chunkBytes = 2 << 20
    package static let chunkShift: UInt64 = 21
}
