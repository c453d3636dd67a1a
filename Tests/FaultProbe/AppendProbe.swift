internal import Glibc
internal import PmemStore
internal import StoreWorkloads
internal import Synchronization

/// Appends until it is killed, which it does itself: some microseconds after so many commits, or after its start.
struct AppendProbe {
    private let store: String
    private var workload: AppendWorkload
    private let commits: Int
    private let microseconds: Int

    /// - Parameter arguments: STORE LEDGERS PROCESS GENERATION SEED COMMITS MICROSECONDS
    init(_ arguments: [String]) {
        precondition(
            arguments.count == 7, "append STORE LEDGERS PROCESS GENERATION SEED COMMITS MICROSECONDS")
        store = arguments[0]
        let numbers = arguments.dropFirst(2).map { UInt64($0) ?? 0 }
        workload = AppendWorkload(
            ledgerDirectory: arguments[1], process: numbers[0], generation: numbers[1], seed: numbers[2])
        commits = Int(numbers[3])
        microseconds = Int(numbers[4])
    }

    func run() throws {
        if commits == 0 { Self.killLater(microseconds) }
        let store = try Store.open(store, options: AppendWorkload.options)
        let count = Counter()
        var workload = workload
        workload.afterCommit = { [commits, microseconds] in
            if count.next() == commits { Self.killLater(microseconds) }
        }
        workload.run(store, writers: 2, readers: 1, transactions: .max)
    }

    /// By a thread of its own, in the middle of whatever the others do then.
    private static func killLater(_ microseconds: Int) {
        _ = WorkloadThread {
            var pause = timespec(tv_sec: microseconds / 1_000_000, tv_nsec: microseconds % 1_000_000 * 1000)
            unsafe nanosleep(&pause, nil)
            kill(getpid(), SIGKILL)
        }
    }
}

/// Counts from 1, for several threads.
private final class Counter: Sendable {
    private let value = Atomic<Int>(0)
    func next() -> Int { value.add(1, ordering: .relaxed).newValue }
}
