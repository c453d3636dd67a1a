package import CPmem
internal import Glibc

/// What the open transaction has done so far: its operations in order, and the space they take and set free.
///
/// The last put may be *deferred*: its record is on its way to the medium, its key is kept here, but the tree does not
/// know it yet. Whoever needs the tree applies it first; a commit applies it while the stores drain.
@safe package struct WriteSet: ~Copyable {
    package private(set) var operations: UnsafeMutablePointer<cpm_log_operation>
    package private(set) var count = 0
    private var capacity = 64
    /// Offsets of slots and runs that the transaction has taken.
    package var births = WordList()
    /// What the transaction sets free: offset and flags (see ``Delta``).
    package var deaths = WordList()
    /// Key of the deferred put.
    package let deferredKeyStart: UnsafeMutableRawPointer
    package var deferredKeyBytes = -1

    package init() {
        unsafe operations = .allocate(capacity: 64)
        unsafe deferredKeyStart = .allocate(byteCount: Record.keyLimit + 1, alignment: 64)
    }

    deinit {
        unsafe operations.deallocate()
        births.deallocate()
        deaths.deallocate()
        unsafe deferredKeyStart.deallocate()
    }

    @inline(__always)
    package var hasDeferred: Bool { deferredKeyBytes >= 0 }

    @inline(__always)
    package var deferredKey: KeyBytes {
        unsafe KeyBytes(start: deferredKeyStart, count: max(deferredKeyBytes, 0))
    }

    @inline(__always)
    package mutating func setDeferredKey(_ key: KeyBytes) {
        if let start = key.baseAddress { unsafe memcpy(deferredKeyStart, start, key.count) }
        deferredKeyBytes = key.count
    }

    @inline(__always)
    package mutating func append(_ operation: cpm_log_operation) {
        if count == capacity { grow() }
        unsafe operations[count] = operation
        count += 1
    }

    @inline(__always)
    package mutating func clear() {
        count = 0
        births.truncate(to: 0)
        deaths.truncate(to: 0)
        deferredKeyBytes = -1
    }

    package mutating func truncate(to newCount: Int) { count = newCount }

    @inline(never)
    private mutating func grow() {
        let larger = UnsafeMutablePointer<cpm_log_operation>.allocate(capacity: capacity * 2)
        unsafe larger.update(from: operations, count: count)
        unsafe operations.deallocate()
        unsafe operations = unsafe larger
        capacity *= 2
    }
}
