internal import CPmem
internal import Glibc

/// What keeps others from changing the block map under the mapping, as it was found at run time.
public struct LeaseReport: Sendable, Equatable {
    /// From nothing to the most that was had; each level includes the ones before.
    public enum Level: Int, Sendable, Comparable {
        /// The file system does not report block maps: a change stays unnoticed.
        case none
        /// A change is found when the map is measured again.
        case detectOnly
        /// The kernel announces every opening by others before it succeeds, and nobody had the files open before.
        case noticeBeforeChange

        /// Orders levels by strength.
        public static func < (lhs: Level, rhs: Level) -> Bool { lhs.rawValue < rhs.rawValue }
    }

    /// The level that holds for every segment.
    public let level: Level
    /// Why it is not higher, or what it rests on.
    public let reason: String
}

/// The kernel's lease on one open segment file.
enum ExtentLease {
    /// Its default action is to be ignored, so an announcement that nobody handles cannot end the process. The
    /// default of `F_SETLEASE` is SIGIO, which does.
    private static let signal = SIGURG

    /// Asks for the lease. It is granted only when nobody else has the file open.
    ///
    /// Asks a few times: a child process that was being started while the store was last open still shares the old
    /// open files for a moment.
    static func take(_ file: OpenFile) throws(SystemFailure) {
        for _ in 0..<20 {
            do {
                return try takeOnce(file)
            } catch {
                guard error.code == EAGAIN else { throw error }
                ShortPause.take()
            }
        }
        try takeOnce(file)
    }

    private static func takeOnce(_ file: OpenFile) throws(SystemFailure) {
        // Before every F_SETLEASE: releasing a lease also forgets its signal.
        guard cpm_set_lease_signal(file.descriptor, signal) == 0 else {
            throw SystemFailure("fcntl(F_SETSIG)")
        }
        guard cpm_set_lease(file.descriptor, F_WRLCK) == 0 else { throw SystemFailure("fcntl(F_SETLEASE)") }
    }

    static func release(_ file: OpenFile) {
        _ = cpm_set_lease(file.descriptor, F_UNLCK)
    }

    /// Takes the leases of all segments and reports the level that was reached.
    static func take(all segments: [SealedSegment]) -> LeaseReport {
        for segment in segments {
            do {
                try take(segment.file)
            } catch {
                return report(withoutLease: segment, error)
            }
        }
        return LeaseReport(
            level: .noticeBeforeChange, reason: "leases on all segment files")
    }

    static func report(withoutLease segment: SealedSegment, _ failure: SystemFailure) -> LeaseReport {
        let cause = failure.code == EAGAIN ? "somebody has it open" : "error \(failure.code)"
        let reason = "\(failure.call) refused on \(segment.file.path): \(cause)"
        return LeaseReport(level: segment.extents.isReported ? .detectOnly : .none, reason: reason)
    }
}
