/// The benchmarks of PMDK's pmembench that mean something for other libraries, too.
enum PMDKBenchmark: String, CaseIterable, Sendable {
    case benchmarkEmpty = "benchmark_empty"
    case pmemFlush = "pmem_flush"
    case pmemMemcpy = "pmem_memcpy"
    case pmemMemset = "pmem_memset"
    case mapInsert = "map_insert"
    case mapGet = "map_get"
    case mapRemove = "map_remove"

    var brief: String {
        switch self {
        case .benchmarkEmpty: return "does nothing: the cost of measuring"
        case .pmemFlush: return "stores a word and flushes"
        case .pmemMemcpy: return "copies between memory and the mapping"
        case .pmemMemset: return "fills the mapping"
        case .mapInsert: return "inserts random keys, one transaction each"
        case .mapGet: return "looks up every key of a map once, in random order"
        case .mapRemove: return "removes every key of a map, in random order, one transaction each"
        }
    }

    var hasBandwidth: Bool { self == .pmemMemcpy || self == .pmemMemset }

    var options: [PMDKOption] { PMDKOption.common + ownOptions }

    private var ownOptions: [PMDKOption] {
        switch self {
        case .benchmarkEmpty: return []
        case .pmemFlush: return Self.flushOptions
        case .pmemMemcpy: return Self.copyOptions
        case .pmemMemset: return Self.fillOptions
        case .mapInsert, .mapGet, .mapRemove: return Self.mapOptions
        }
    }

    // The short forms -m, -s and -p belong to common options, as they do in PMDK.

    private static let flushOptions = [
        PMDKOption(
            long: "operation", short: "o", kind: .text, defaultValue: "noop",
            help: FlushOperation.allCases.map(\.rawValue).joined(separator: ", ")),
        PMDKOption(long: "mode", kind: .text, defaultValue: "stat", help: "stat, seq or rand"),
        PMDKOption(long: "no-warmup", short: "w", kind: .flag, defaultValue: "false", help: "no warm-up"),
    ]

    private static let copyOptions = [
        PMDKOption(
            long: "operation", short: "o", kind: .text, defaultValue: "write",
            help: "write: to the mapping; read: from it"),
        PMDKOption(
            long: "src-offset", short: "S", kind: .number(0...63), defaultValue: "0",
            help: "offset of the source in its line"),
        PMDKOption(
            long: "dest-offset", short: "D", kind: .number(0...63), defaultValue: "0",
            help: "offset of the target in its line"),
        PMDKOption(long: "src-mode", kind: .text, defaultValue: "seq", help: "stat, seq or rand"),
        PMDKOption(long: "dest-mode", kind: .text, defaultValue: "seq", help: "stat, seq or rand"),
        PMDKOption(long: "libc-memcpy", kind: .flag, defaultValue: "false", help: "memcpy of the C library"),
        PMDKOption(
            long: "persist", kind: .flag, defaultValue: "true", help: "with a fence, not only a flush"),
    ]

    private static let fillOptions = [
        PMDKOption(long: "mem-mode", short: "M", kind: .text, defaultValue: "seq", help: "stat, seq or rand"),
        PMDKOption(long: "memset", kind: .flag, defaultValue: "false", help: "memset of the C library"),
        PMDKOption(
            long: "persist", kind: .flag, defaultValue: "true", help: "with a fence, not only a flush"),
        PMDKOption(
            long: "dest-offset", short: "D", kind: .number(0...63), defaultValue: "0",
            help: "offset of the target in its line"),
        PMDKOption(long: "no-warmup", short: "w", kind: .flag, defaultValue: "false", help: "no warm-up"),
        PMDKOption(long: "msync", kind: .flag, defaultValue: "false", help: "msync in place of a flush"),
    ]

    private static let mapOptions = [
        PMDKOption(
            long: "type", short: "T", kind: .text, defaultValue: "pmemstore",
            help: "engine: " + EngineName.builtIn.map(\.rawValue).joined(separator: ", ")
                + "; btree and hashmap_tx are those of libpmemobj here"),
        PMDKOption(
            long: "max-key", short: "M", kind: .number(0...Int.max), defaultValue: "0",
            help: "keys are below this number; 0: any of 64 bits"),
        PMDKOption(
            long: "external-tx", short: "x", kind: .flag, defaultValue: "false",
            help: "must be false: each operation is a transaction"),
        PMDKOption(
            long: "alloc", short: "A", kind: .flag, defaultValue: "false",
            help: "accepted: a value of data-size bytes is always put"),
    ]

    /// Why a benchmark of PMDK is not here; nil for other words.
    static func refusal(_ name: String) -> String? {
        let ofPMDK = [
            "obj_", "pmemobj_", "rpmem_", "blk_", "log_", "vmem_", "vmmalloc_", "pmalloc", "pfree", "pmix",
        ]
        guard ofPMDK.contains(where: { name.hasPrefix($0) }) else { return nil }
        return
            "\(name) measures an interface that only PMDK has; run PMDK's own pmembench for it, "
            + "or map_insert, map_get and map_remove here"
    }
}

/// Which chunk an operation works on.
enum ChunkMode: String, CaseIterable, Sendable {
    /// Always the first one of the thread.
    case stat
    /// One after the other.
    case seq
    /// Any one of the thread's.
    case rand

    init(_ arguments: PMDKArguments, _ option: String) throws {
        guard let mode = ChunkMode(rawValue: arguments.text(option)) else {
            throw BenchmarkFailure(
                .usage, "--\(option) is stat, seq or rand, not \"\(arguments.text(option))\"")
        }
        self = mode
    }

    /// How many chunks `operations` operations need.
    func count(_ operations: Int) -> Int { self == .stat ? 1 : operations }

    func chunk(_ operation: Int, of operations: Int, _ generator: inout SeededGenerator) -> Int {
        switch self {
        case .stat: return 0
        case .seq: return operation
        case .rand: return Int(generator.below(UInt64(operations)))
        }
    }
}
