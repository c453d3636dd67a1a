/// What passed through a medium. One block per writing thread, so that counting costs no atomic operation.
package struct MediumCounters: Sendable, Equatable {
    /// Drains that were carried out: a fence by cache lines, all the system calls of one drain by pages.
    package var fences: UInt64 = 0
    /// Cache lines whose write-back was started.
    package var flushedLines: UInt64 = 0
    /// Bytes copied by non-temporal stores.
    package var nonTemporalBytes: UInt64 = 0
    /// Cache lines that those copies touched.
    package var nonTemporalLines: UInt64 = 0
    /// msync calls.
    package var syncCalls: UInt64 = 0

    package init() {}
}
