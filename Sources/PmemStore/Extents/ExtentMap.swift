internal import CPmem
internal import Glibc

/// Which blocks of the device hold a file: the block map that must not change while the file is mapped.
///
/// Normalised, because file systems report the same map in different pieces: neighbours are merged, what lies behind
/// the end is clipped. On file systems that do not report it (tmpfs), the map only tells where the first hole is.
package struct ExtentMap: Equatable, Sendable {
    /// A contiguous piece of the file on the device, in bytes.
    package struct Extent: Equatable, Sendable {
        package var logical: UInt64
        package var physical: UInt64
        package var byteCount: UInt64
        /// Of `FIEMAP_EXTENT_*`, only those in ``disqualifyingFlags``.
        package var flags: UInt32

        package init(logical: UInt64, physical: UInt64, byteCount: UInt64, flags: UInt32) {
            self.logical = logical
            self.physical = physical
            self.byteCount = byteCount
            self.flags = flags
        }

        var end: UInt64 { logical + byteCount }
    }

    package let byteCount: UInt64
    package let extents: [Extent]
    /// False when the file system does not report block maps.
    package let isReported: Bool
    /// Where the file system does not report: the first hole, or `byteCount` when there is none.
    private let firstHole: UInt64

    /// Normalises what a file system reported; `reported` ascends.
    package init(reported: [Extent], byteCount: UInt64) {
        self.byteCount = byteCount
        isReported = true
        firstHole = byteCount
        extents = Self.normalised(reported, byteCount: byteCount)
    }

    private init(firstHole: UInt64, byteCount: UInt64) {
        self.byteCount = byteCount
        isReported = false
        extents = []
        self.firstHole = firstHole
    }

    private static func normalised(_ reported: [Extent], byteCount: UInt64) -> [Extent] {
        var result: [Extent] = []
        for extent in reported where extent.logical < byteCount {
            var next = extent
            next.byteCount = min(extent.byteCount, byteCount - extent.logical)
            next.flags &= disqualifyingFlagMask
            if let last = result.last, last.continues(with: next) {
                result[result.count - 1].byteCount += next.byteCount
            } else {
                result.append(next)
            }
        }
        return result
    }
}

extension ExtentMap.Extent {
    fileprivate func continues(with next: Self) -> Bool {
        end == next.logical && physical + byteCount == next.physical && flags == next.flags
    }
}

// MARK: - Measuring

extension ExtentMap {
    private static let batch = 64

    /// Measures the first `byteCount` bytes of an open file.
    package init(descriptor: Int32, byteCount: UInt64) throws(SystemFailure) {
        if let reported = try Self.report(descriptor, byteCount) {
            self.init(reported: reported, byteCount: byteCount)
            return
        }
        self.init(firstHole: try Self.firstHole(descriptor, byteCount), byteCount: byteCount)
    }

    /// Asks a few times: a part that the kernel is just gathering into a huge page looks like a hole for a moment.
    private static func firstHole(_ descriptor: Int32, _ byteCount: UInt64) throws(SystemFailure) -> UInt64 {
        for attempt in 1...20 {
            let hole = cpm_seek_hole(descriptor, 0)
            guard hole >= 0 else { throw SystemFailure("lseek") }
            if hole >= byteCount { break }
            if attempt == 20 { return UInt64(hole) }
            ShortPause.take()
        }
        return byteCount
    }

    /// Nil when the file system does not report block maps.
    private static func report(_ descriptor: Int32, _ byteCount: UInt64) throws(SystemFailure) -> [Extent]? {
        var result: [Extent] = []
        var position: UInt64 = 0
        while position < byteCount {
            guard let batch = try reportBatch(descriptor, from: position, to: byteCount) else { return nil }
            guard let last = batch.last, last.end > position else { break }
            result += batch
            position = last.end
        }
        return result
    }

    private static func reportBatch(
        _ descriptor: Int32, from start: UInt64, to end: UInt64
    ) throws(SystemFailure) -> [Extent]? {
        let bytes = MemoryLayout<fiemap>.stride + batch * MemoryLayout<fiemap_extent>.stride
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 16)
        defer { unsafe buffer.deallocate() }
        unsafe buffer.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        let head = unsafe buffer.assumingMemoryBound(to: fiemap.self)
        unsafe head.pointee.fm_start = start
        unsafe head.pointee.fm_length = end - start
        unsafe head.pointee.fm_extent_count = UInt32(batch)
        guard unsafe cpm_fiemap(descriptor, head) == 0 else {
            if errno == EOPNOTSUPP || errno == ENOTTY { return nil }
            throw SystemFailure("ioctl(FS_IOC_FIEMAP)")
        }
        return unsafe extents(behind: head)
    }

    private static func extents(behind head: UnsafeMutablePointer<fiemap>) -> [Extent] {
        let first = unsafe UnsafeRawPointer(head) + MemoryLayout<fiemap>.stride
        let count = min(unsafe Int(head.pointee.fm_mapped_extents), batch)
        return (0..<count).map { index in
            let raw = unsafe first.load(
                fromByteOffset: index * MemoryLayout<fiemap_extent>.stride, as: fiemap_extent.self)
            return Extent(
                logical: raw.fe_logical, physical: raw.fe_physical, byteCount: raw.fe_length,
                flags: raw.fe_flags)
        }
    }
}

// MARK: - Judging

extension ExtentMap {
    /// Flags of extents that a store in memory would move, or whose place is not final, with what to call them.
    private static let disqualifyingFlags: [(flag: Int32, name: String)] = [
        (FIEMAP_EXTENT_UNWRITTEN, "is unwritten"),
        (FIEMAP_EXTENT_DELALLOC, "is not allocated yet"),
        (FIEMAP_EXTENT_SHARED, "is shared with another file"),
        (FIEMAP_EXTENT_ENCODED, "is compressed or encoded"),
        (FIEMAP_EXTENT_DATA_ENCRYPTED, "is encrypted"),
        (FIEMAP_EXTENT_NOT_ALIGNED, "is not aligned to blocks"),
        (FIEMAP_EXTENT_DATA_INLINE, "lies inside of metadata"),
        (FIEMAP_EXTENT_DATA_TAIL, "shares a block with another file's tail"),
        (FIEMAP_EXTENT_UNKNOWN, "has no known place"),
    ]
    private static let disqualifyingFlagMask = disqualifyingFlags.reduce(UInt32(0)) { $0 | UInt32($1.flag) }

    /// Why a store in memory could change this map, or nil when every extent is final.
    package var disqualifier: String? {
        guard isReported else {
            return firstHole == byteCount ? nil : "byte \(firstHole) is in a hole"
        }
        var position: UInt64 = 0
        for extent in extents {
            if extent.logical > position { return "byte \(position) is in a hole" }
            if let name = Self.disqualifyingFlags.first(where: { extent.flags & UInt32($0.flag) != 0 })?.name
            {
                return "the extent at byte \(extent.logical) \(name)"
            }
            position = extent.end
        }
        return position == byteCount ? nil : "byte \(position) is in a hole"
    }

    /// The map of the first bytes.
    func clipped(to byteCount: UInt64) -> ExtentMap {
        isReported
            ? ExtentMap(reported: extents, byteCount: byteCount)
            : ExtentMap(firstHole: min(firstHole, byteCount), byteCount: byteCount)
    }

    /// The same places, as if nobody else had a share in them.
    var withoutSharing: ExtentMap {
        guard isReported else { return self }
        let own = extents.map { extent in
            var copy = extent
            copy.flags &= ~UInt32(FIEMAP_EXTENT_SHARED)
            return copy
        }
        return ExtentMap(reported: own, byteCount: byteCount)
    }

    /// The first place where this map is not `other`, or nil when they are the same.
    package func firstDifference(from other: ExtentMap) -> String? {
        if byteCount != other.byteCount { return "\(byteCount) bytes instead of \(other.byteCount)" }
        if firstHole != other.firstHole {
            return "first hole at byte \(firstHole) instead of \(other.firstHole)"
        }
        for (mine, theirs) in zip(extents, other.extents) where mine != theirs {
            return "the extent at byte \(min(mine.logical, theirs.logical)) is \(mine) instead of \(theirs)"
        }
        if extents.count != other.extents.count {
            return "\(extents.count) extents instead of \(other.extents.count)"
        }
        return nil
    }

    /// Share of the file that the kernel can map by 2 MiB at a time, from 0 to 1: units whose places are aligned alike
    /// in the file and on the device. Nil where the file system does not report places.
    package var hugePageShare: Double? {
        let unit: UInt64 = 2 << 20
        guard isReported, byteCount >= unit else { return nil }
        var units: UInt64 = 0
        for extent in extents where extent.physical % unit == extent.logical % unit {
            let first = (extent.logical + unit - 1) / unit
            units += max(extent.end / unit, first) - first
        }
        return Double(units) / Double(byteCount / unit)
    }

    /// Share of the file that has no blocks, or blocks that were never written, from 0 to 1. Where the file system does
    /// not report places, what lies behind the first hole counts whole.
    package var unwrittenShare: Double {
        guard byteCount > 0 else { return 0 }
        guard isReported else { return 1 - Double(firstHole) / Double(byteCount) }
        let unfinished = UInt32(FIEMAP_EXTENT_UNWRITTEN | FIEMAP_EXTENT_DELALLOC)
        let written = extents.reduce(0) { $0 + ($1.flags & unfinished == 0 ? $1.byteCount : 0) }
        return 1 - Double(written) / Double(byteCount)
    }

    /// A digest of the map. It finds accidents, not attacks.
    package var fingerprint: UInt64 {
        var state = Self.mix(byteCount ^ firstHole.byteSwapped)
        for extent in extents {
            for word in [extent.logical, extent.physical, extent.byteCount, UInt64(extent.flags)] {
                state = Self.mix(state ^ word)
            }
        }
        return state
    }

    /// A bijection in which every bit of the argument reaches about half of the result's bits.
    private static func mix(_ word: UInt64) -> UInt64 {
        var value = (word ^ (word >> 32)) &* 0x9e37_79b9_7f4a_7c15
        value = (value ^ (value >> 29)) &* 0xd6e8_feb8_6659_fd93
        return value ^ (value >> 32)
    }
}

extension ExtentMap.Extent: CustomStringConvertible {
    package var description: String {
        let flagged = flags == 0 ? "" : " with flags 0x" + String(flags, radix: 16)
        return "\(byteCount) bytes at \(physical)\(flagged)"
    }
}
