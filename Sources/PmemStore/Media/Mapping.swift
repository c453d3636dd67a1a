internal import CPmem
internal import Glibc

/// The store's address range: reserved once, then filled with segment files one behind the other.
///
/// Offsets are global and addresses stay valid while the store grows, because growth only maps more of the range.
@safe package final class Mapping: @unchecked Sendable {
    /// Segments begin at multiples of this, so that the kernel can map them by huge pages.
    package static let alignment: UInt64 = 2 << 20
    /// Tried in turn: a limited address space (ulimit -v, small machines) may not have the first.
    /// ThreadSanitizer leaves six TiB to a program and has no safe answer when they are full: the smallest comes first.
    package static let reservationSizes: [UInt64] = {
        let sizes: [UInt64] = [4 << 40, 1 << 40, 256 << 30, 64 << 30, 16 << 30]
        return cpm_is_thread_sanitized() != 0 ? sizes.reversed() : sizes
    }()
    /// Readable zeros behind the last segment: a damaged length of a record or node reads into them, not beyond.
    private static let marginBytes = alignment
    /// One step of prefaulting: long enough to be cheap, short enough to be interrupted.
    private static let prefaultStep: UInt64 = 64 << 20

    package let base: UnsafeMutableRawPointer
    package let byteCount: UInt64
    private var isReserved = true

    private init(base: UnsafeMutableRawPointer, byteCount: UInt64) {
        unsafe self.base = base
        self.byteCount = byteCount
    }

    deinit { release() }

    /// Gives the range back; every address in it is invalid from here on. Once is enough, twice is harmless.
    package func release() {
        guard isReserved else { return }
        isReserved = false
        unsafe munmap(base, Int(byteCount + Self.marginBytes))
    }

    /// Reserves the first range of `sizes` that can be had; without access rights it costs no memory.
    package static func reserve(_ sizes: [UInt64] = reservationSizes) throws(SystemFailure) -> Mapping {
        for size in sizes {
            let kept = Int(size + marginBytes)
            let whole = kept + Int(alignment)
            let start = unsafe mmap(nil, whole, PROT_NONE, reservationFlags, -1, 0)
            if let start = unsafe start, unsafe start != MAP_FAILED {
                return unsafe Mapping(base: trim(start, whole, to: kept), byteCount: size)
            }
            // Analysers that run a program on a machine of their own refuse what they cannot place with EINVAL.
            if errno != ENOMEM && errno != EINVAL { break }
        }
        throw SystemFailure("mmap")
    }

    private static var reservationFlags: Int32 { MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE }

    /// Gives back what lies before the first aligned address and behind `size` bytes from there.
    private static func trim(
        _ start: UnsafeMutableRawPointer, _ whole: Int, to size: Int
    ) -> UnsafeMutableRawPointer {
        let aligned = unsafe start.alignedUp(toMultipleOf: Int(alignment))
        let head = unsafe aligned - start
        if head > 0 { unsafe munmap(start, head) }
        let tail = whole - head - size
        if tail > 0 { unsafe munmap(aligned + size, tail) }
        return unsafe aligned
    }

    /// Asks by a throw-away mapping whether the file system grants `MAP_SYNC`.
    ///
    /// Not by the real one: a refused `MAP_FIXED` may already have torn a hole into the reservation.
    static func grantsSync(descriptor: Int32) -> Bool {
        let flags = CPM_MAP_SHARED_VALIDATE | CPM_MAP_SYNC
        let probe = unsafe mmap(nil, 4096, PROT_READ | PROT_WRITE, flags, descriptor, 0)
        guard let probe = unsafe probe, unsafe probe != MAP_FAILED else { return false }
        unsafe munmap(probe, 4096)
        return true
    }

    /// What a store to the range does to the file.
    package enum Backing: Sendable {
        /// It changes the file's page in the page cache.
        case shared
        /// It changes the medium; the kernel has granted `MAP_SYNC`.
        case synchronous
        /// Nothing: the page is copied first.
        case copied

        fileprivate var flags: Int32 {
            switch self {
            case .shared: MAP_SHARED
            case .synchronous: CPM_MAP_SHARED_VALIDATE | CPM_MAP_SYNC
            case .copied: MAP_PRIVATE | MAP_NORESERVE
            }
        }
    }

    /// Maps `byteCount` bytes of a file, from `start` on, at `offset` of the range, as its last part.
    package func map(
        descriptor: Int32, at offset: UInt64, byteCount: UInt64, _ backing: Backing,
        from start: UInt64 = 0
    ) throws(SystemFailure) {
        let address = unsafe place(offset, byteCount)
        let result = unsafe mmap(
            address, Int(byteCount), PROT_READ | PROT_WRITE, backing.flags | MAP_FIXED, descriptor,
            off_t(start))
        guard unsafe result == address else {
            let failure = SystemFailure("mmap")
            unmap(at: offset, byteCount: byteCount)
            throw failure
        }
        try addMargin(at: offset + byteCount)
        // Advice: huge pages where the file system has them, and no copy in a forked child, whose stores to the
        // mapping would bypass the lock. Neither is worth failing for.
        _ = unsafe madvise(address, Int(byteCount), MADV_HUGEPAGE)
        _ = unsafe madvise(address, Int(byteCount), MADV_DONTFORK)
    }

    private func addMargin(at offset: UInt64) throws(SystemFailure) {
        let address = unsafe base + Int(offset)
        let margin = unsafe mmap(
            address, Int(Self.marginBytes), PROT_READ, Self.reservationFlags | MAP_FIXED, -1, 0)
        guard unsafe margin == address else { throw SystemFailure("mmap") }
    }

    /// Takes the last part out of the range again.
    package func unmap(at offset: UInt64, byteCount: UInt64) {
        _ = unsafe mmap(
            place(offset, byteCount), Int(byteCount), PROT_NONE, Self.reservationFlags | MAP_FIXED, -1, 0)
        // Without the margin only damage is read less kindly.
        try? addMargin(at: offset)
    }

    /// Enters pages into the page table ahead of the first access. What would be SIGBUS there is EFAULT here.
    ///
    /// - Parameter dirtying: Prepares for stores; in the page domain that would write everything back once more.
    package func prefault(_ offset: UInt64, _ byteCount: UInt64, dirtying: Bool) throws(SystemFailure) {
        let advice = dirtying ? CPM_MADV_POPULATE_WRITE : CPM_MADV_POPULATE_READ
        var position = offset
        let end = offset + byteCount
        while position < end {
            let step = min(Self.prefaultStep, end - position)
            while unsafe madvise(place(position, step), Int(step), advice) != 0 {
                let failure = SystemFailure("madvise")
                if failure.code == EINVAL { return }  // kernels before 5.14 do not know the advice
                if failure.code != EINTR && failure.code != EAGAIN { throw failure }
            }
            position += step
        }
    }

    /// Whether a first store to the page at `offset` is let through: the store of the word that is there already.
    ///
    /// The page's entry is dropped first, so that the kernel has to decide anew; asked by advice, it answers with an
    /// error where the store itself would be a SIGBUS. Kernels before 5.14 do not know the advice: false.
    package func acceptsFirstStore(at offset: UInt64) -> Bool {
        let page = unsafe place(offset, 4096)
        _ = unsafe madvise(page, 4096, CPM_MADV_DONTNEED)
        guard unsafe madvise(page, 4096, CPM_MADV_POPULATE_WRITE) == 0 else { return false }
        unsafe cpm_store8(page, cpm_load8(page))
        return true
    }

    private func place(_ offset: UInt64, _ byteCount: UInt64) -> UnsafeMutableRawPointer {
        precondition(offset <= self.byteCount, "the offset lies outside of the reserved range")
        precondition(byteCount <= self.byteCount - offset, "the range ends outside of the reserved range")
        return unsafe base + Int(offset)
    }
}
