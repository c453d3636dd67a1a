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
            ExploreCommand.self, MutantsCommand.self, EquivalentsCommand.self, CanariesCommand.self,
            ReplayCommand.self, SitesCommand.self,
        ])
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
}
