import Foundation

/// A reader-writer lock whose waiting writers are not starved by readers.
@safe final class ReaderWriterLock: @unchecked Sendable {
    private let lock: UnsafeMutablePointer<pthread_rwlock_t>

    init() {
        unsafe lock = .allocate(capacity: 1)
        var attributes = pthread_rwlockattr_t()
        unsafe pthread_rwlockattr_init(&attributes)
        let preferWriters = Int32(PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP)
        unsafe pthread_rwlockattr_setkind_np(&attributes, preferWriters)
        unsafe pthread_rwlock_init(lock, &attributes)
    }

    deinit {
        unsafe pthread_rwlock_destroy(lock)
        unsafe lock.deallocate()
    }

    func lockForReading() {
        unsafe pthread_rwlock_rdlock(lock)
    }

    func lockForWriting() {
        unsafe pthread_rwlock_wrlock(lock)
    }

    func unlock() {
        unsafe pthread_rwlock_unlock(lock)
    }
}
