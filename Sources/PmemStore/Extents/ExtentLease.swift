internal import CPmem
internal import Glibc

/// The kernel's lease on one open file.
enum ExtentLease {
    /// Where the kernel stands.
    enum State: Equatable {
        /// Nobody else has the file open.
        case held
        /// Somebody waits to open it for reading, or to open it for writing or cut it.
        case wanted(forWriting: Bool)
        /// It was given up, taken away after the kernel's patience ran out, or never had.
        case gone
    }

    /// What announces a break. Ignored by default, so that one which nobody handles cannot end the process; the
    /// default of `F_SETLEASE` is SIGIO, which does.
    static let signal = SIGURG

    /// Asks for the lease. It is granted only when nobody else has the file open.
    ///
    /// Asks again until `limit`: a child process that was being started while the store was last open still shares the
    /// old open files for a moment.
    ///
    /// - Parameters:
    ///   - thread: The one that breaks are announced to; 0: nobody is told.
    ///   - limit: By the monotonic clock.
    static func take(_ file: OpenFile, thread: Int32, until limit: UInt64) throws(SystemFailure) {
        while true {
            do {
                return try takeOnce(file, thread: thread)
            } catch {
                guard error.code == EAGAIN, cpm_monotonic_nanoseconds() < limit else { throw error }
                ShortPause.take()
            }
        }
    }

    static func takeOnce(_ file: OpenFile, thread: Int32) throws(SystemFailure) {
        // Before every F_SETLEASE: releasing a lease also forgets its signal, and then SIGIO ends the process.
        guard cpm_set_lease_signal(file.descriptor, signal) == 0 else {
            throw SystemFailure("fcntl(F_SETSIG)")
        }
        guard cpm_set_lease(file.descriptor, F_WRLCK) == 0 else { throw SystemFailure("fcntl(F_SETLEASE)") }
        if thread != 0 { announce(file, to: thread) }
    }

    /// Behind every F_SETLEASE, which makes nobody the owner when it is not the process's first thread that calls it.
    static func announce(_ file: OpenFile, to thread: Int32) {
        _ = cpm_set_lease_thread(file.descriptor, thread)
    }

    static func state(_ file: OpenFile) -> State {
        // While somebody waits, the kernel reports what the lease will become.
        switch cpm_get_lease(file.descriptor) {
        case F_WRLCK: .held
        case F_RDLCK: .wanted(forWriting: false)
        default: .gone
        }
    }

    static func release(_ file: OpenFile) {
        _ = cpm_set_lease(file.descriptor, F_UNLCK)
    }
}
