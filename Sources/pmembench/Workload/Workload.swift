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
    /// Every key once, ascending, by the engine's way for sorted input, into an empty store.
    case loadsorted
    case readrandom
    /// Random keys of the first hundredth.
    case readhot
    /// Random keys that are not there, each between two that are.
    case readmissing
    /// Random keys by Zipf's law.
    case readzipfian
    case readseq
    case readreverse
    case seekrandom
    /// A seek to a random key and 100 pairs from there.
    case rangescan
    /// Every key once, ascending.
    case deleteseq
    case deleterandom
    /// Random keys in blocks of 64.
    case multireadrandom
    /// Readers as many as `--threads`, and one writer beside them that overwrites.
    case readwhilewriting
    /// Seeks to random keys, and one writer beside them that overwrites.
    case seekrandomwhilewriting
    /// Random keys: nine gets for each put.
    case readrandomwriterandom
    /// Random keys read and put again, in one transaction each.
    case updaterandom
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
    /// From an empty store to a full one in transactions of 100, each of them timed.
    case grow
    /// Every key of a full store overwritten ten times in transactions of 100; then bytes per pair.
    case churn
    /// Overwrites while one reader keeps a view from before.
    case longreader
    /// Transfers between two random accounts; the sum stays.
    case bank
    /// A full store copied by the library's own means while one writer overwrites; an operation is a pair of the copy.
    case backup
    /// fillrandom with fences, and with fences left out, round by round.
    case durabilitytax

    static let keysPerMultiGet = 64
    static let pairsPerRange = 100
    static let pairsPerLoad = 10_000
    static let pairsPerGrowth = 100
    static let churnsPerKey = 10

    /// Why an engine cannot run the workload; nil where it can.
    func obstacle(_ abilities: EngineAbilities) -> String? {
        switch self {
        case .readseq, .readreverse, .seekrandom, .seekrandomwhilewriting, .rangescan, .ycsbE, .loadsorted:
            return abilities.isOrdered ? nil : "keys have no order"
        case .longreader: return abilities.hasSnapshots ? nil : "no views that last"
        case .backup: return abilities.hasOnlineBackup ? nil : "no online backup"
        case .grow: return abilities.canGrow ? nil : "the pool has a fixed size"
        case .durabilitytax: return abilities.canElideFences ? nil : "fences cannot be left out"
        default: return nil
        }
    }

    var isOpening: Bool { self == .openClean || self == .openKilled }

    /// One thread does it, whatever `--threads` says.
    var hasOneThread: Bool {
        switch self {
        case .loadsorted, .backup, .openClean, .openKilled: return true
        default: return false
        }
    }

    /// Names of other tools for what goes by another name here.
    static let elsewhere = [
        "fillsync": "every write waits for the medium here; use fillrandom",
        "fill100K": "use fillrandom --value-size 102400", "txfillrandom": "use fillbatch",
        "open_crashed": "use open_killed", "backup_hot": "use backup", "readrandomfast": "use readrandom",
        "mergerandom": "there is no merge operator here; use updaterandom",
    ]

    /// What has to be run, interleaved round by round.
    func cases(batchSizes: [Int]) -> [BenchmarkCase] {
        switch self {
        case .fillbatch:
            return batchSizes.map { BenchmarkCase(workload: self, operationsPerTransaction: $0) }
        case .grow, .churn:
            return [BenchmarkCase(workload: self, operationsPerTransaction: Self.pairsPerGrowth)]
        case .loadsorted:
            return [BenchmarkCase(workload: self, operationsPerTransaction: Self.pairsPerLoad)]
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

    func isSame(as other: BenchmarkCase) -> Bool {
        label == other.label && operationsPerTransaction == other.operationsPerTransaction
    }

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
