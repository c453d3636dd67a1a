/// Numbers of a store. Exact, but taken without stopping the store: two of them may be some commits apart.
public struct Statistics: Sendable, Equatable {
    /// Number of the newest commit.
    public let commits: UInt64
    /// What commits have sent through the door to the medium since the store was opened.
    public let commitMedium: MediumStatistics
    /// What checkpoints have sent through it.
    public let checkpointMedium: MediumStatistics
    /// Size of all segment files.
    public let fileBytes: UInt64
    /// Of these, chunks that are entirely free.
    public let freeBytes: UInt64
    /// Bytes of the commit log that recovery would read.
    public let logBytes: UInt64
    /// Number of segment files.
    public let segments: Int
    /// How often somebody else has opened a segment file.
    public let visits: UInt64
    /// How long stores have stood still for them, in nanoseconds.
    public let stoppedNanoseconds: UInt64
}

/// What passed through the door to the medium.
public struct MediumStatistics: Sendable, Equatable {
    /// Fences, or in the page domain rounds of msync.
    public let fences: UInt64
    /// Lines of 64 bytes that were flushed.
    public let flushedLines: UInt64
    /// Bytes copied by non-temporal stores.
    public let nonTemporalBytes: UInt64
    /// Lines of 64 bytes touched by non-temporal stores.
    public let nonTemporalLines: UInt64
    /// msync calls.
    public let syncCalls: UInt64

    init(_ counters: MediumCounters) {
        fences = counters.fences
        flushedLines = counters.flushedLines
        nonTemporalBytes = counters.nonTemporalBytes
        nonTemporalLines = counters.nonTemporalLines
        syncCalls = counters.syncCalls
    }
}
