import CPmem
import Foundation
import PmemStore
import Synchronization

/// What a look at the block map of a large file costs.
struct MapFigures {
    let text: String

    init(directory: String, byteCount: UInt64) throws {
        let file = try OpenFile(directory + "/map", flags: O_RDWR | O_CREAT, mode: 0o600)
        defer { unsafe unlink(file.path) }
        guard cpm_fallocate(file.descriptor, 0, Int64(byteCount)) == 0 else {
            text = "map: no room for \(byteCount) bytes here"
            return
        }
        let recorded = try ExtentMap(descriptor: file.descriptor, byteCount: byteCount)
        var times = LatencyHistogram()
        for _ in 0..<2000 {
            let begun = cpm_monotonic_nanoseconds()
            let now = try ExtentMap(descriptor: file.descriptor, byteCount: byteCount)
            guard now.firstDifference(from: recorded) == nil else {
                throw BenchmarkFailure(.failure, "the block map of \(file.path) has changed")
            }
            times.record(cpm_monotonic_nanoseconds() - begun)
        }
        text =
            "map of \(byteCount >> 20) MiB, \(recorded.extents.count) extents, measured and compared: "
            + LeaseFigures.microseconds(times)
    }
}

/// Pauses and faults of one store.
struct LeaseFigures: Sendable {
    private static let keys = 10_000
    let store: Store
    private let path: String

    init(path: String) throws {
        self.path = path
        var options = StoreOptions()
        options.acceptsVolatileMedium = true
        options.initialBytes = 256 << 20
        store = try Store.open(path, options: options)
    }

    private func commit(_ number: Int) throws {
        let key = UInt64(number % Self.keys)
        let value = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 100)
        try store.write { tx in try tx.put(value, forKey: key) }
    }

    static func microseconds(_ times: LatencyHistogram) -> String {
        guard let summary = times.summary else { return "nothing" }
        let parts = [("p50", summary.p50), ("p99", summary.p99), ("max", summary.max)]
        return parts.map { "\($0.0) \(String(format: "%.1f", Double($0.1) / 1000)) us" }.joined(
            separator: ", ")
    }

    /// Opens and closes a segment file beside a writer. What stores stood still for is the store's own statistics.
    func visits(_ count: Int) throws -> String {
        let writer = BackgroundCommits(commit)
        var pauses = LatencyHistogram()
        var opens = LatencyHistogram()
        for _ in 0..<count {
            while store.lease.level < .noticeBeforeChange { sched_yield() }
            let before = store.statistics
            let begun = cpm_monotonic_nanoseconds()
            let descriptor = unsafe open(path + "/segment-000000.pmem", O_RDONLY | O_CLOEXEC)
            opens.record(cpm_monotonic_nanoseconds() - begun)
            close(descriptor)
            while store.statistics.visits == before.visits { sched_yield() }
            pauses.record(store.statistics.stoppedNanoseconds - before.stoppedNanoseconds)
        }
        let latencies = try writer.stop()
        return "\(count) visitors: stores stood still \(Self.microseconds(pauses)); opening took "
            + "\(Self.microseconds(opens)); commits meanwhile \(Self.microseconds(latencies))"
    }

    /// Page faults of the committing thread in the steady state.
    func faults(_ count: Int) throws -> String {
        cpm_keep_freed_memory()
        for number in 0..<(count / 10) { try commit(number) }
        let before = cpm_thread_faults()
        for number in 0..<count { try commit(number) }
        let after = cpm_thread_faults()
        try store.verifyExtents()
        return
            "\(count) commits: \(after.minor - before.minor) minor and \(after.major - before.major) major "
            + "faults of this thread; the block map is the same"
    }
}

/// Commits on a thread of its own until it is stopped.
private final class BackgroundCommits: Sendable {
    private let isStopped = Atomic(false)
    private let outcome = Mutex<Result<LatencyHistogram, any Error>>(.success(LatencyHistogram()))
    private let done = DispatchSemaphore(value: 0)

    init(_ commit: @escaping @Sendable (Int) throws -> Void) {
        let thread = Thread { [self] in
            let result = Result { try self.repeatUntilStopped(commit) }
            outcome.withLock { $0 = result }
            done.signal()
        }
        thread.start()
    }

    private func repeatUntilStopped(_ commit: (Int) throws -> Void) throws -> LatencyHistogram {
        var latencies = LatencyHistogram()
        var number = 0
        while !isStopped.load(ordering: .relaxed) {
            let begun = cpm_monotonic_nanoseconds()
            try commit(number)
            latencies.record(cpm_monotonic_nanoseconds() - begun)
            number += 1
        }
        return latencies
    }

    /// Latencies of all commits.
    func stop() throws -> LatencyHistogram {
        isStopped.store(true, ordering: .relaxed)
        done.wait()
        return try outcome.withLock { try $0.get() }
    }
}
