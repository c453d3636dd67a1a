import Foundation

/// Counts of libpmem calls by scripts/fence-counter, when that was preloaded; libpmemobj itself does not tell.
@safe struct PreloadedFenceCounter: @unchecked Sendable {
    private let totals: UnsafePointer<UInt64>

    init?() {
        guard let symbol = unsafe dlsym(nil, "pmembench_preloaded_totals") else { return nil }
        unsafe totals = UnsafePointer(symbol.assumingMemoryBound(to: UInt64.self))
    }

    var counters: MediumCounters {
        unsafe MediumCounters(fences: totals[0], flushedLines: totals[1], nonTemporalBytes: totals[2])
    }
}
