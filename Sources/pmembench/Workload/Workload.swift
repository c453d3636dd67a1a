/// The workloads that can be asked for, by the names that db_bench and YCSB gave them.
enum Workload: String, CaseIterable, Sendable {
    /// Every key once, in order, one put per transaction, into an empty store.
    case fillseq
    /// Every key once, in random order, one put per transaction, into an empty store.
    case fillrandom
    /// Every key once, in random order, in transactions of `--batch-size` puts, into an empty store.
    case fillbatch
    /// Random keys of a full store put again, one per transaction.
    case overwrite
    case readrandom
    case readseq
    case readreverse
    case seekrandom
    case deleterandom
    /// Random keys in blocks of 64.
    case multireadrandom
    /// Readers as many as `--threads`, and one writer beside them that overwrites.
    case readwhilewriting
    case ycsbA = "ycsb_a"
    case ycsbB = "ycsb_b"
    case ycsbC = "ycsb_c"
    case ycsbD = "ycsb_d"
    case ycsbE = "ycsb_e"
    case ycsbF = "ycsb_f"
    /// Opening a full store after a clean close.
    case openClean = "open_clean"
    /// Opening a full store whose process was killed with its log at its fullest.
    case openKilled = "open_killed"
    /// fillrandom with fences, and with fences left out, round by round.
    case durabilitytax

    static let keysPerMultiGet = 64

    /// What has to be run, interleaved round by round.
    func cases(batchSizes: [Int]) -> [BenchmarkCase] {
        switch self {
        case .fillbatch:
            return batchSizes.map { BenchmarkCase(workload: self, operationsPerTransaction: $0) }
        case .multireadrandom:
            return [BenchmarkCase(workload: self, operationsPerTransaction: Self.keysPerMultiGet)]
        case .durabilitytax:
            return [
                BenchmarkCase(workload: self, label: "durabilitytax_fenced"),
                BenchmarkCase(workload: self, label: "durabilitytax_elided", elidesFences: true),
            ]
        default:
            return [BenchmarkCase(workload: self)]
        }
    }
}

/// One row of the report to be.
struct BenchmarkCase: Sendable {
    let workload: Workload
    let label: String
    let operationsPerTransaction: Int
    let elidesFences: Bool

    init(
        workload: Workload, label: String? = nil, operationsPerTransaction: Int = 1,
        elidesFences: Bool = false
    ) {
        self.workload = workload
        self.label = label ?? workload.rawValue
        self.operationsPerTransaction = operationsPerTransaction
        self.elidesFences = elidesFences
    }
}
