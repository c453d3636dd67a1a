package import CPmem
internal import Glibc

/// The ring of transactions that the last checkpoint does not hold yet (docs/format.md, "Commit log").
///
/// Positions count bytes since the store was created and never go back; an entry lies at position mod ring size. An
/// entry never wraps: where it does not fit, a pad fills the ring up to its end.
@safe package struct CommitLog<M: Medium>: ~Copyable {
    package let medium: M
    /// Offset of the ring.
    package let start: UInt64
    /// Bytes of the ring, a multiple of 64.
    package let capacity: UInt64
    package let salt: UInt64
    /// Generation of the newest durable superblock. Entries carry its low byte, so that replay notices when that
    /// superblock has been lost to damage and an older one stands in for it.
    package var generation: UInt64
    /// Position of the first entry that recovery would read.
    package var head: UInt64
    /// Position at which the next entry begins.
    package private(set) var tail: UInt64
    /// Where in the ring that is: tail mod capacity, without dividing for every commit.
    private var tailPlace: UInt64
    /// Bytes that should still be free when a checkpoint begins, so that commits need not wait for its end.
    private var reserve: UInt64
    private var scratch: UnsafeMutableRawPointer
    private var scratchBytes: Int

    package init(
        medium: M, start: UInt64, capacity: UInt64, salt: UInt64, generation: UInt64, head: UInt64,
        tail: UInt64
    ) {
        self.medium = medium
        self.generation = generation
        self.start = start
        self.capacity = capacity
        self.salt = salt
        self.head = head
        self.tail = tail
        tailPlace = tail % capacity
        reserve = capacity / 2
        scratchBytes = 4096
        unsafe scratch = .allocate(byteCount: scratchBytes, alignment: 64)
    }

    /// Gives the memory back. No deinit: the compiler does not call it when the owner's memory is deinitialised.
    package func deallocate() { unsafe scratch.deallocate() }

    /// Where replay has found the end.
    package mutating func setTail(_ position: UInt64) {
        tail = position
        tailPlace = position % capacity
    }

    private mutating func advance(_ bytes: UInt64) {
        tail += bytes
        tailPlace += bytes
        if tailPlace >= capacity { tailPlace -= capacity }
    }

    /// A checkpoint holds everything before a position, and while it ran the log has grown to the tail.
    package mutating func free(upTo position: UInt64) {
        head = position
        reserve = min(max(2 * (tail - position), capacity / 8), capacity / 2)
    }

    /// A checkpoint should begin.
    @inline(__always)
    package var isFilling: Bool { usedBytes + reserve >= capacity }

    /// Bytes in use.
    @inline(__always)
    package var usedBytes: UInt64 { tail - head }

    /// Longest entry that goes into the ring; what is longer spills its operations into the heap.
    package var entryLimit: Int { Int(capacity / 4) }

    /// Size of an entry with so many operations.
    @inline(__always)
    package static func entryBytes(operations: Int) -> Int {
        (LogLayout.headerBytes + operations * LogLayout.operationBytes + 63) & ~63
    }

    /// Bytes that an entry takes out of the ring, a pad before it included.
    @inline(__always)
    package func bytesNeeded(_ entryBytes: Int) -> UInt64 {
        let left = capacity - tailPlace
        return UInt64(entryBytes) + (left < UInt64(entryBytes) ? left : 0)
    }

    /// True when an entry of this size can be appended without reaching the head.
    @inline(__always)
    package func hasRoom(_ entryBytes: Int) -> Bool { usedBytes + bytesNeeded(entryBytes) <= capacity }

    /// Starts writing an entry behind the last. Durable, and part of the log, after the next fence.
    @inline(__always)
    package mutating func append(
        commit: UInt64, operations: UnsafePointer<cpm_log_operation>, count: Int
    ) {
        let bytes = Self.entryBytes(operations: count)
        let place = makePlace(bytes, commit: commit)
        unsafe memcpy(scratch + LogLayout.headerBytes, operations, count * LogLayout.operationBytes)
        let used = LogLayout.headerBytes + count * LogLayout.operationBytes
        unsafe memset(scratch + used, 0, bytes - used)
        finish(place, bytes: bytes, commit: commit, count: count, flags: 0)
    }

    /// Starts writing an entry whose operations lie in a heap extent.
    package mutating func appendSpilled(commit: UInt64, spill: cpm_log_spill, count: Int) {
        let bytes = 64
        let place = makePlace(bytes, commit: commit)
        unsafe memset(scratch, 0, bytes)
        unsafe (scratch + LogLayout.headerBytes).storeBytes(of: spill, as: cpm_log_spill.self)
        finish(place, bytes: bytes, commit: commit, count: count, flags: UInt16(CPM_LOG_SPILLED))
    }

    @inline(__always)
    private mutating func makePlace(_ bytes: Int, commit: UInt64) -> UInt64 {
        if bytes > scratchBytes { growScratch(bytes) }
        var place = tailPlace
        if capacity - place < UInt64(bytes) {
            pad(place, commit: commit)
            place = 0
        }
        return start + place
    }

    @inline(__always)
    private mutating func finish(_ offset: UInt64, bytes: Int, commit: UInt64, count: Int, flags: UInt16) {
        var entry = cpm_log_entry(
            checksum: 0, byteCount: UInt32(bytes), commit: commit, operationCount: UInt32(count),
            flags: flags | mark,
            magic: UInt16(CPM_LOG_MAGIC))
        unsafe scratch.storeBytes(of: entry, as: cpm_log_entry.self)
        entry.checksum = unsafe Checksum.of(
            scratch + 4, bytes - 4, seed: Checksum.logSeed(salt: salt, commit: commit, offset: offset))
        unsafe scratch.storeBytes(of: entry.checksum, as: UInt32.self)
        unsafe medium.copyIn(offset, scratch, bytes)
        advance(UInt64(bytes))
    }

    @inline(__always)
    private var mark: UInt16 { UInt16(truncatingIfNeeded: generation) << 8 }

    /// Fills the ring up to its end. The pad carries the number of the commit behind it.
    private mutating func pad(_ place: UInt64, commit: UInt64) {
        let left = capacity - place
        let offset = start + place
        unsafe memset(scratch, 0, 64)
        var entry = cpm_log_entry(
            checksum: 0, byteCount: UInt32(left), commit: commit, operationCount: 0,
            flags: UInt16(CPM_LOG_PAD) | mark,
            magic: UInt16(CPM_LOG_MAGIC))
        unsafe scratch.storeBytes(of: entry, as: cpm_log_entry.self)
        entry.checksum = unsafe Checksum.of(
            scratch + 4, 60, seed: Checksum.logSeed(salt: salt, commit: commit, offset: offset))
        unsafe scratch.storeBytes(of: entry.checksum, as: UInt32.self)
        unsafe medium.copyIn(offset, scratch, 64)
        advance(left)
    }

    private mutating func growScratch(_ bytes: Int) {
        unsafe scratch.deallocate()
        scratchBytes = bytes
        unsafe scratch = .allocate(byteCount: bytes, alignment: 64)
    }

    /// Makes invalid what a crash may have left behind the tail, so that it can never be taken for an entry.
    ///
    /// The one transaction under way began at the tail; where it needed a pad, its entry stands at the ring's start,
    /// and the pad may be missing. Lines that belong to the log are left alone: a full ring's tail is its head.
    package func neutralizeTail() {
        if usedBytes < capacity { clearLine(tailPlace) }
        let lap = tail - tailPlace + capacity
        if lap - head < capacity { clearLine(0) }
    }

    private func clearLine(_ place: UInt64) {
        unsafe withUnsafePointer(to: SIMD8<UInt64>.zero) { zeros in
            unsafe medium.copyIn(start + place, zeros, 64)
        }
    }
}

/// Sizes within log entries, in bytes.
package enum LogLayout {
    package static let headerBytes = MemoryLayout<cpm_log_entry>.size
    package static let operationBytes = MemoryLayout<cpm_log_operation>.size
}
