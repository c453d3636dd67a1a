internal import CPmem
internal import Glibc

/// Which commits are being read, and the newest commit and root there are to read.
///
/// A reader claims a slot with one compare-and-swap and checks once that its commit is still the newest; it never
/// waits. The writer looks at the slots when it wants to reuse something: what a slot names stays.
///
/// Both sides rely on a total order of their accesses: the reader stores its slot and then loads the newest commit,
/// the writer stores the newest commit and then loads the slots. One of them sees the other.
@safe package struct ReaderTable: @unchecked Sendable {
    /// Most readers at a time.
    package static let limit = 4096

    private let slots: UnsafeMutableRawPointer
    /// Word 0: newest commit. Words 8 and 9: its root and its predecessor's, by the commit's lowest bit.
    /// Word 16: slots that were ever used.
    private let published: UnsafeMutableRawPointer

    static let slotWords = (limit + 1) * 8

    /// - Throws: where there is no address space.
    package static func claim() throws(SystemFailure) -> ReaderTable {
        try unsafe ReaderTable(slots: Virtual.claim(UInt64.self, count: slotWords))
    }

    init(slots: UnsafeMutablePointer<UInt64>) {
        unsafe self.slots = UnsafeMutableRawPointer(slots)
        unsafe published = .allocate(byteCount: 192, alignment: 64)
        unsafe memset(published, 0, 192)
    }

    package func deallocate() {
        unsafe Virtual.deallocate(slots.assumingMemoryBound(to: UInt64.self), count: Self.slotWords)
        unsafe published.deallocate()
    }

    /// A pinned commit: its slot, number and root.
    package struct Pin: BitwiseCopyable, Sendable {
        package let slot: Int32
        package let commit: UInt64
        package let root: UInt64
    }

    @inline(__always)
    package var newestCommit: UInt64 { unsafe cpm_load8_acquire(published) }

    @inline(__always)
    package var newestRoot: UInt64 { root(of: newestCommit) }

    /// The root of the newest commit or of its predecessor: a reader that has seen the one while the other is published
    /// gets the root of the commit that it has seen.
    @inline(__always)
    func root(of commit: UInt64) -> UInt64 {
        unsafe cpm_load8_acquire(published + 64 + Int(commit & 1) * 8)
    }

    /// Makes a commit the newest. Only by the holder of the write gate.
    @inline(__always)
    package func publish(commit: UInt64, root: UInt64) {
        unsafe cpm_store8_release(published + 64 + Int(commit & 1) * 8, root)
        unsafe cpm_store8_ordered(published, commit)
    }

    /// Pins the newest commit. Two atomic operations when nobody commits meanwhile.
    ///
    /// - Throws: ``StoreError/TransactionFailure/tooManyReaders(limit:)``.
    @inline(__always)
    package func pin() throws(StoreError) -> Pin {
        var commit = newestCommit
        let slot = try claim(commit)
        while true {
            let root = root(of: commit)
            let newest = unsafe cpm_load8_ordered(published)
            if newest == commit { return Pin(slot: Int32(slot), commit: commit, root: root) }
            commit = newest
            unsafe cpm_store8_ordered(slots + slot * 64, Self.word(commit))
        }
    }

    /// Pins the newest commit in a slot that no reader takes, so that a checkpoint never lacks one. Under the
    /// write gate.
    package func pinForCheckpoint() -> Pin {
        let commit = newestCommit
        unsafe cpm_store8_ordered(slots + 64, Self.word(commit))
        raiseUsed(2)
        return Pin(slot: 1, commit: commit, root: root(of: commit))
    }

    @inline(__always)
    package func unpin(_ pin: Pin) { unpin(slot: pin.slot) }

    @inline(__always)
    func unpin(slot: Int32) { unsafe cpm_store8_release(slots + Int(slot) * 64, 0) }

    @inline(__always)
    private static func word(_ commit: UInt64) -> UInt64 { commit << 1 | 1 }

    @inline(__always)
    private func claim(_ commit: UInt64) throws(StoreError) -> Int {
        if unsafe cpm_compare_exchange8(slots, 0, Self.word(commit)) == 0 {
            if unsafe cpm_load8_ordered(published + 128) == 0 { raiseUsed(1) }
            return 0
        }
        return try claimSlowly(commit)
    }

    @inline(never)
    private func claimSlowly(_ commit: UInt64) throws(StoreError) -> Int {
        for slot in 2...Self.limit where unsafe cpm_load8(slots + slot * 64) == 0 {
            if unsafe cpm_compare_exchange8(slots + slot * 64, 0, Self.word(commit)) == 0 {
                raiseUsed(UInt64(slot + 1))
                return slot
            }
        }
        throw .transaction(.tooManyReaders(limit: Self.limit))
    }

    private func raiseUsed(_ count: UInt64) {
        var seen = unsafe cpm_load8_ordered(published + 128)
        while seen < count {
            let before = unsafe cpm_compare_exchange8(published + 128, seen, count)
            if before == seen { return }
            seen = before
        }
    }

    /// Pinned commits before one that was published; 0 where there is none.
    package struct OldPins: BitwiseCopyable, Sendable {
        /// The newest of them.
        package var newest: UInt64 = 0
        /// The newest of those that are ``ReaderTable/longestLead`` commits old.
        package var old: UInt64 = 0
        package init() {}
    }

    /// Most commits by which a reader is led back (LeafPlacement.swift).
    package static var longestLead: UInt64 { 16 }

    /// The pins before commit `dead`, which the caller has just published. A slot that is being claimed counts as
    /// pinned, or its reader will see `dead`.
    @inline(__always)
    package func pins(before dead: UInt64) -> OldPins {
        let used = unsafe Int(cpm_load8_ordered(published + 128))
        var pins = OldPins()
        for slot in 0..<used {
            let commit = unsafe cpm_load8_ordered(slots + slot * 64) >> 1
            if commit >= dead { continue }
            if commit > pins.newest { pins.newest = commit }
            if commit > pins.old && commit &+ Self.longestLead <= dead { pins.old = commit }
        }
        return pins
    }

    /// Readers that are open now.
    package var openCount: Int {
        let used = unsafe Int(cpm_load8_ordered(published + 128))
        return (0..<used).count { unsafe cpm_load8_ordered(slots + $0 * 64) != 0 }
    }

    /// The pinned commits, ascending, without repetition.
    package func pinnedCommits() -> [UInt64] {
        let used = unsafe Int(cpm_load8_ordered(published + 128))
        var commits: [UInt64] = []
        for slot in 0..<used {
            let word = unsafe cpm_load8_ordered(slots + slot * 64)
            if word != 0 { commits.append(word >> 1) }
        }
        commits.sort()
        var unique: [UInt64] = []
        for commit in commits where unique.last != commit { unique.append(commit) }
        return unique
    }
}
