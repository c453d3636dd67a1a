internal import CPmem
internal import Glibc

/// The pages that each thread has started to write and not yet synced: what a fence is made of in the page domain.
///
/// A drain speaks for its own thread only, as a fence does, so each thread has its own list and the commit path
/// never waits for the msync of a checkpoint. A thread that ends without a drain leaves a list behind; whoever gets
/// its identity next syncs a little more than needed, which is harmless.
@safe package final class PendingPages: @unchecked Sendable {
    /// A half-open range of bytes that begins and ends on page boundaries.
    struct Run: Equatable, Sendable {
        var start: UInt64
        var end: UInt64
    }

    static let pageBytes: UInt64 = 4096
    /// Lists that long are merged at once, so that a large checkpoint does not keep one entry per node.
    private static let mergeThreshold = 1024

    /// Whether the mapping that the pages belong to is whole, and the word that says so.
    let health: MappingHealth
    let faults: UnsafePointer<UInt32>
    private let path: String
    private let runs = Locked<[UInt: [Run]]>([:])

    /// - Parameter path: The store's, for errors.
    package init(path: String, health: MappingHealth) {
        self.path = path
        self.health = health
        unsafe faults = health.faultWord
    }

    /// Remembers the pages that hold `byteCount` bytes at `offset`.
    func insert(_ offset: UInt64, _ byteCount: Int) {
        guard byteCount > 0 else { return }
        let mask = Self.pageBytes - 1
        let run = Run(start: offset & ~mask, end: (offset + UInt64(byteCount) + mask) & ~mask)
        let thread = UInt(pthread_self())
        runs.withLock { runs in
            Self.append(run, to: &runs[thread, default: []])
        }
    }

    /// Syncs what the calling thread has inserted and returns the number of system calls.
    func synchronize(base: UnsafeMutableRawPointer) throws(StoreError) -> UInt64 {
        let thread = UInt(pthread_self())
        let own = runs.withLock { $0.removeValue(forKey: thread) } ?? []
        var calls: UInt64 = 0
        for run in Self.merged(own) {
            calls += 1
            let address = unsafe base + Int(run.start)
            guard unsafe msync(address, Int(run.end - run.start), Int32(MS_SYNC)) == 0 else {
                // The kernel may have marked the pages clean: trying again could succeed without having written.
                throw .commit(.system(call: "msync", path: path, code: errno))
            }
        }
        return calls
    }

    private static func append(_ run: Run, to runs: inout [Run]) {
        if let last = runs.last, run.start <= last.end, run.end >= last.start {
            runs[runs.count - 1] = Run(start: min(last.start, run.start), end: max(last.end, run.end))
            return
        }
        runs.append(run)
        if runs.count.isMultiple(of: mergeThreshold) { runs = merged(runs) }
    }

    /// The same pages as ascending runs that neither touch nor overlap.
    static func merged(_ runs: [Run]) -> [Run] {
        var result: [Run] = []
        for run in runs.sorted(by: { $0.start < $1.start }) {
            if let last = result.last, run.start <= last.end {
                result[result.count - 1].end = max(last.end, run.end)
            } else {
                result.append(run)
            }
        }
        return result
    }
}
