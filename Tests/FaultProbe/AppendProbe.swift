internal import Glibc
internal import PmemStore
internal import StoreWorkloads

/// Appends until it is killed, which it does itself after a number of microseconds.
struct AppendProbe {
    private let store: String
    private let workload: AppendWorkload
    private let microseconds: Int

    /// - Parameter arguments: STORE LEDGERS PROCESS GENERATION SEED MICROSECONDS
    init(_ arguments: [String]) {
        precondition(arguments.count == 6, "append STORE LEDGERS PROCESS GENERATION SEED MICROSECONDS")
        store = arguments[0]
        let numbers = arguments.dropFirst(2).map { UInt64($0) ?? 0 }
        workload = AppendWorkload(
            ledgerDirectory: arguments[1], process: numbers[0], generation: numbers[1], seed: numbers[2])
        microseconds = Int(numbers[3])
    }

    func run() throws {
        let killer = WorkloadThread { [microseconds] in
            var pause = timespec(tv_sec: microseconds / 1_000_000, tv_nsec: microseconds % 1_000_000 * 1000)
            unsafe nanosleep(&pause, nil)
            kill(getpid(), SIGKILL)
        }
        defer { killer.join() }
        let store = try Store.open(store, options: AppendWorkload.options)
        workload.run(store, writers: 2, readers: 1, transactions: .max)
    }
}
