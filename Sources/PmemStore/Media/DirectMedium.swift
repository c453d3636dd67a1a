internal import CPmem

/// The medium of production: bare instructions on the mapping, through libpmem.
///
/// A value of pointers and scalars. It is valid as long as the ``SegmentDirectory`` that lent it is open, and it is
/// used by one thread at a time, because its counters are plain memory; writer and checkpointer have one each.
@safe package struct DirectMedium: Medium, @unchecked Sendable {
    /// How stores become durable.
    package enum Discipline: UInt8, Sendable {
        /// By cache lines: flush and fence.
        case lines
        /// By the platform: caches are inside the power-fail domain, only order is needed.
        case fencesOnly
        /// What is written is remembered, and the fence makes it durable: by msync, or as a power-cut test asks.
        case deferred
    }

    package let base: UnsafeMutableRawPointer
    private let counters: UnsafeMutablePointer<MediumCounters>
    private let deferred: Unmanaged<DeferredWrites>
    private let discipline: Discipline
    private let elidesFences: Bool
    /// Whole lines go to the mapping without a call; not where libpmem is told not to store past the caches.
    private let streamsLines: Bool

    /// - Parameters:
    ///   - deferred: Owned by the caller for as long as the medium is used.
    ///   - elidesFences: Leaves drains out altogether, to measure what they cost.
    package init(
        base: UnsafeMutableRawPointer, discipline: Discipline, elidesFences: Bool,
        counters: UnsafeMutablePointer<MediumCounters>, deferred: DeferredWrites
    ) {
        unsafe self.base = base
        unsafe self.counters = counters
        unsafe self.deferred = Unmanaged.passUnretained(deferred)
        self.discipline = discipline
        self.elidesFences = elidesFences
        streamsLines = discipline != .deferred && cpm_is_movnt_forbidden() == 0
    }

    /// The same medium, counted elsewhere.
    package func withCounters(_ counters: UnsafeMutablePointer<MediumCounters>) -> DirectMedium {
        unsafe DirectMedium(
            base: base, discipline: discipline, elidesFences: elidesFences, counters: counters,
            deferred: deferred.takeUnretainedValue())
    }

    @inline(__always)
    package func load8(_ offset: UInt64) -> UInt64 { unsafe cpm_load8(address(offset)) }

    @inline(__always)
    package static var fetchesAhead: Bool { true }

    @inline(__always)
    package func read(_ offset: UInt64, _ byteCount: Int) -> UnsafeRawPointer {
        unsafe UnsafeRawPointer(address(offset))
    }

    @inline(__always)
    package func store8(_ offset: UInt64, _ value: UInt64, site: CallSite) {
        unsafe cpm_store8(address(offset), value)
    }

    @inline(__always)
    package func copyIn(_ offset: UInt64, _ source: UnsafeRawPointer, _ byteCount: Int, site: CallSite) {
        unsafe counters.pointee.nonTemporalBytes &+= UInt64(truncatingIfNeeded: byteCount)
        unsafe counters.pointee.nonTemporalLines &+= Self.lines(offset, byteCount)
        let unaligned = (Int(truncatingIfNeeded: offset) | Int(bitPattern: source) | byteCount) & 63
        if streamsLines, unaligned == 0, byteCount <= Self.longestStream {
            unsafe cpm_copy_lines_nontemporal(address(offset), source, UInt64(truncatingIfNeeded: byteCount))
        } else {
            unsafe copyInOtherwise(offset, source, byteCount)
        }
    }

    /// Longer copies go through libpmem, whose wider stores then outweigh the call.
    private static var longestStream: Int { 512 }

    @inline(__always)
    package func construct<R>(
        _ offset: UInt64, _ byteCount: Int, site: CallSite,
        _ body: (UnsafeMutableRawBufferPointer) throws -> R
    ) rethrows -> R {
        // Also after a throw: the range may be half filled, and whoever drains next must not leave it dirty.
        defer { flush(offset, byteCount, site: site) }
        return try unsafe body(UnsafeMutableRawBufferPointer(start: address(offset), count: byteCount))
    }

    @inline(__always)
    package func flush(_ offset: UInt64, _ byteCount: Int, site: CallSite) {
        if discipline == .lines {
            unsafe counters.pointee.flushedLines &+= Self.lines(offset, byteCount)
            unsafe pmem_flush(address(offset), byteCount)
        } else {
            flushOtherwise(offset, byteCount)
        }
    }

    @inline(__always)
    package func drain(site: CallSite) throws(StoreError) {
        if !elidesFences {
            unsafe counters.pointee.fences &+= 1
            if discipline == .deferred {
                try synchronize()
            } else {
                pmem_drain()
            }
        }
        try requireWhole()
    }

    @inline(__always)
    package func requireWhole() throws(StoreError) {
        if unsafe deferred._withUnsafeGuaranteedRef({ unsafe cpm_load4($0.faults) }) == 0 { return }
        throw unsafe deferred.takeUnretainedValue().health.failure
    }

    @inline(__always)
    package func note(_ event: MediumEvent) {}

    @inline(__always)
    private func address(_ offset: UInt64) -> UnsafeMutableRawPointer {
        unsafe base + Int(truncatingIfNeeded: offset)
    }

    /// The number of cache lines that hold `byteCount` bytes at `offset`. The base is aligned, so offsets tell.
    @inline(__always)
    static func lines(_ offset: UInt64, _ byteCount: Int) -> UInt64 {
        let end = offset &+ UInt64(truncatingIfNeeded: byteCount)
        return byteCount > 0 ? ((end &+ 63) >> 6) &- (offset >> 6) : 0
    }

    @inline(never)
    private func copyInOtherwise(_ offset: UInt64, _ source: UnsafeRawPointer, _ byteCount: Int) {
        if discipline != .deferred {
            unsafe cpm_copy_nontemporal(address(offset), source, UInt64(truncatingIfNeeded: byteCount))
            return
        }
        unsafe address(offset).copyMemory(from: source, byteCount: byteCount)
        unsafe deferred.takeUnretainedValue().insert(offset, byteCount)
    }

    @inline(never)
    private func flushOtherwise(_ offset: UInt64, _ byteCount: Int) {
        guard discipline == .deferred else { return }
        unsafe counters.pointee.flushedLines &+= Self.lines(offset, byteCount)
        unsafe deferred.takeUnretainedValue().insert(offset, byteCount)
    }

    @inline(never)
    private func synchronize() throws(StoreError) {
        unsafe counters.pointee.syncCalls &+= try deferred.takeUnretainedValue().synchronize(base: base)
    }
}
