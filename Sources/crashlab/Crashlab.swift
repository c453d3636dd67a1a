internal import ArgumentParser
internal import Glibc
internal import PmemStore
internal import PmemStoreTesting

/// Crash-consistency tests of the engine, by the million: `make crash-test`, `make crash-night`.
@main
struct Crashlab: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Crashes the engine on simulated memory in every way the model allows.",
        subcommands: [
            ExploreCommand.self, ThreadsCommand.self, MutantsCommand.self, EquivalentsCommand.self,
            CanariesCommand.self,
            ReplayCommand.self, SitesCommand.self, WeaveCommand.self, SourceMutantsCommand.self,
            TestedMutantsCommand.self, SourceReportCommand.self,
        ])
}

/// The share of one of several workers.
///
/// - Throws: where nobody would do any of the work.
func checkShare(worker: Int, workers: Int) throws {
    guard workers > 0, (0..<workers).contains(worker) else {
        throw ValidationError("--worker must be from 0 to --workers minus 1, not \(worker) of \(workers)")
    }
}

/// Stores are opened by the million in one thread: their memory is kept.
func prepareProcess() {
    unsafe Virtual.reuse = RangeReuse()
}

enum Clock {
    static func now(_ clock: clockid_t) -> Double {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Seconds of a monotonic clock.
    static var wall: Double { now(CLOCK_MONOTONIC) }
    /// Seconds of processor time of this process.
    static var processor: Double { now(CLOCK_PROCESS_CPUTIME_ID) }

    /// Seconds of processor time of this process's children that have ended.
    static var children: Double {
        var usage = rusage()
        unsafe getrusage(RUSAGE_CHILDREN.rawValue, &usage)
        return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
            + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
    }
}
