internal import CPmem
internal import Glibc

/// The pages that each thread has started to write and not yet synced: what a fence is made of in the page domain.
///
/// The commit path never waits for the msync of a checkpoint, because each thread has its own list.
@safe package final class PendingPages: DeferredWrites, @unchecked Sendable {
    /// A half-open range of bytes that begins and ends on page boundaries.
    struct Run: Equatable, Sendable {
        var start: UInt64
        var end: UInt64
    }

    static let pageBytes: UInt64 = 4096
    /// Lists that long are merged at once, so that a large checkpoint does not keep one entry per node.
    private static let mergeThreshold = 1024

    private let path: String
    private let runs = Locked<[UInt: [Run]]>([:])

    /// - Parameter path: The store's, for errors.
    package init(path: String, health: MappingHealth) {
        self.path = path
        super.init(health: health)
    }

    /// Remembers the pages that hold `byteCount` bytes at `offset`.
    override func insert(_ offset: UInt64, _ byteCount: Int) {
        guard byteCount > 0 else { return }
        let mask = Self.pageBytes - 1
        let run = Run(start: offset & ~mask, end: (offset + UInt64(byteCount) + mask) & ~mask)
        let thread = UInt(pthread_self())
        runs.withLock { runs in
            Self.append(run, to: &runs[thread, default: []])
        }
    }

    /// One call for each run of pages.
    override func synchronize(base: UnsafeMutableRawPointer) throws(StoreError) -> UInt64 {
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
