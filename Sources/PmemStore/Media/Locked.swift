internal import Glibc

/// A value that one thread at a time may use. A thread that waits sleeps.
///
/// On a lock of the system's threads library, because ThreadSanitizer understands that one and not the standard
/// library's `Mutex`.
@safe package final class Locked<Value>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var value: Value

    package init(_ value: Value) {
        self.value = value
        unsafe mutex = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe pthread_mutex_init(mutex, nil)
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    /// Nobody has it, at this moment.
    private var isFree: Bool {
        if unsafe pthread_mutex_trylock(mutex) != 0 { return false }
        unsafe pthread_mutex_unlock(mutex)
        return true
    }

    /// Lends the value to `body`.
    package func withLock<R, E: Error>(_ body: (inout Value) throws(E) -> R) throws(E) -> R {
        if let taker = ThreadTurns.taker { _ = taker.wait { isFree } }
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try body(&value)
    }
}
