internal import CPmem
internal import Glibc

/// Opens a file for reading on which somebody may hold a lease, and gives up when the holder does not let go of it.
///
/// A store lets go within microseconds; a process that was stopped does so when the kernel's patience ends, after 45
/// seconds. Whoever waits in the kernel cannot be called back, so a thread does, and is left behind.
enum PatientVisit {
    private final class Outcome: Sendable {
        let result = Locked<Result<OpenFile, SystemFailure>?>(nil)
    }

    /// - Throws: `ETIMEDOUT` when the time is up.
    static func open(_ path: String, within nanoseconds: UInt64) throws(SystemFailure) -> OpenFile {
        let outcome = Outcome()
        let thread = NamedThread(name: "pmem-visit") {
            let result = Result { () throws(SystemFailure) in
                try OpenFile(path, flags: O_RDONLY | O_NOFOLLOW)
            }
            outcome.result.withLock { $0 = result }
        }
        guard thread.isRunning else { throw SystemFailure(call: "pthread_create", code: EAGAIN) }
        let limit = cpm_monotonic_nanoseconds() + nanoseconds
        while true {
            if let result = outcome.result.withLock({ $0 }) {
                thread.join()
                return try result.get()
            }
            guard cpm_monotonic_nanoseconds() < limit else { break }
            ShortPause.take()
        }
        thread.detach()
        throw SystemFailure(call: "open", code: ETIMEDOUT)
    }
}
