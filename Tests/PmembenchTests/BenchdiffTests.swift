import Foundation
import Testing

@testable import pmembench

/// What PMDK's benchdiff wants of the two files that it compares. Read from its source: the first line is a title and
/// the second the heads, both equal in the two files; every line behind them is a row, none is skipped; cells are
/// parted by semicolons, of which those at the end of a line do not count when nothing follows. It knows the thirteen
/// first columns by their names and divides their cells; all others it compares as text.
private struct BenchdiffFile {
    let title: String
    let heads: [String]
    let rows: [[String]]

    init(_ text: String) throws {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        // A newline at the end of a file begins no row.
        if lines.last == "" { lines.removeLast() }
        try #require(lines.count > 2, "a title, heads, and a row at least")
        title = lines[0]
        heads = Self.cells(lines[1])
        rows = lines.dropFirst(2).map(Self.cells)
    }

    private static func cells(_ line: String) -> [String] {
        var cells = line.split(separator: ";", omittingEmptySubsequences: false).map(String.init)
        while cells.last == "" { cells.removeLast() }
        return cells
    }
}

@Suite struct BenchdiffTests {
    private static let measured = [
        "total-avg[sec]", "ops-per-second[1/sec]", "total-max[sec]", "total-min[sec]", "total-median[sec]",
        "total-std-dev[sec]", "latency-avg[nsec]", "latency-min[nsec]", "latency-max[nsec]",
        "latency-std-dev[nsec]", "latency-pctl-50.0%[nsec]", "latency-pctl-99.0%[nsec]",
        "latency-pctl-99.9%[nsec]",
    ]

    /// Two runs of everything that PMDK's form has can be compared, column by column.
    @Test(arguments: PMDKBenchmark.allCases)
    func twoRunsOfABenchmarkCanBeCompared(benchmark: PMDKBenchmark) throws {
        let files = try [UInt64(1), 2].map { try BenchdiffFile(Self.run(benchmark, seed: $0)) }
        try expectComparable(files[0], files[1], rows: 2)
        #expect(files[0].title == "name: \(benchmark.rawValue) [2] [group: all]")
        let options = benchmark.options.filter(\.isInResults).map(\.long)
        #expect(Array(files[0].heads.dropFirst(13).prefix(options.count)) == options)
    }

    /// The form of `run` and `compare`: one workload a file, a row for each engine.
    @Test func twoReportsCanBeCompared() throws {
        let files = try [1.0, 2].map { try BenchdiffFile(Self.report(rate: 100 * $0).text(.pmdk)) }
        try expectComparable(files[0], files[1], rows: 2)
        #expect(files[0].title == "readrandom [2]")
        #expect(files[0].rows[0][1] != files[1].rows[0][1])
    }

    private func expectComparable(_ old: BenchdiffFile, _ new: BenchdiffFile, rows: Int) throws {
        #expect(old.title == new.title)
        #expect(old.heads == new.heads)
        #expect(Array(old.heads.prefix(13)) == Self.measured)
        #expect(Set(old.heads).count == old.heads.count, "a column is there twice")
        #expect(Array(old.heads.suffix(9)) == PMDKRow.extraHeads)
        #expect(old.rows.count == rows && new.rows.count == rows)
        for row in old.rows + new.rows {
            // A cell that is empty at the end of a line would be none at all.
            #expect(row.count == old.heads.count)
            for cell in row.prefix(13) {
                let number = try #require(Double(cell), "\(cell) is no number")
                #expect(number.isFinite && number >= 0)
            }
        }
        let constant = { (row: [String]) in
            zip(old.heads, row).filter {
                ["threads", "data-size", "ops-per-thread", "repeats"].contains($0.0)
            }
            .map { $0.1 }
        }
        #expect(old.rows.map(constant) == new.rows.map(constant))
    }

    private static func run(_ benchmark: PMDKBenchmark, seed: UInt64) throws -> String {
        let scratch = try ScratchDirectory()
        let settings: [ConfigFile.Setting] = [
            ("ops-per-thread", "50"), ("data-size", "64:*2:128"), ("repeats", "2"),
            ("file", scratch.path + "/file"),
        ]
        let rows = try PMDKArguments.combinations(settings, benchmark.options).map { arguments in
            let round = PMDKRound(benchmark: benchmark, arguments: arguments, isVolatileMedium: true)
            return try PMDKRow(benchmark, arguments, [round.run(seed: seed), round.run(seed: seed + 1)])
        }
        let head = PMDKTable.head(
            title: benchmark.rawValue, count: rows.count, scenario: "name", group: "all", row: rows[0])
        return ([head] + rows.map(\.line)).joined(separator: "\n") + "\n"
    }

    private static func report(rate: Double) -> BenchmarkReport {
        let rows = [EngineName.pmemstore, .lmdb].map { engine in
            var row = BenchmarkRow(
                benchmark: "readrandom", engine: engine, threads: 1, keys: 10, keyBytes: 16, valueBytes: 100,
                operationsPerTransaction: 1, durability: "a fence", domain: "volatile", lease: "none",
                operationsPerSecond: rate, seed: 1)
            row.samples = [
                RoundSample(seconds: 1000 / rate, operations: 1000, operationsPerSecond: rate)
            ]
            return row
        }
        return BenchmarkReport(
            environment: BenchmarkEnvironment(path: "/dev/shm", engines: []), rows: rows)
    }
}

/// Scenarios in the manner of PMDK's own, with every key that these have. Only `type` and `file` are of ours.
@Suite struct PMDKScenarioTests {
    private static let maps = """
        [global]
        group = pmemobj
        file = map.test
        ops-per-thread=300
        threads=1
        type = pmemstore

        [map_insert]
        bench = map_insert

        [both]
        bench = map_get
        type = pmemstore,btree
        threads = 1:+1:3
        """

    private static let flushes = """
        #
        # head
        #

        [global]
        group = pmem
        file = flush.test
        ops-per-thread = 40
        repeats = 3
        threads = 1:*2:4
        data-size = 64:*2:8192
        mode = rand
        no-warmup = false

        """
        + FlushOperation.allCases.map {
            "[flush_\($0.rawValue)]\nbench = pmem_flush\noperation = \($0.rawValue)\n"
        }
        .joined(separator: "\n")

    private static let copies = """
        # head
        [global]
        group = pmem
        file = copy.test
        ops-per-thread=100

        [sizes]
        bench = pmem_memcpy
        threads = 1
        data-size = 64:*2:8192

        [offsets]
        bench = pmem_memcpy
        threads = 1
        data-size = 512
        src-offset = 0
        dest-offset = 1:+1:63

        [anywhere]
        bench = pmem_memcpy
        data-size = 64:*2:8192
        src-mode = rand
        dest-mode = rand

        [by_the_c_library]
        bench = pmem_memcpy
        data-size = 64:*2:1024
        libc-memcpy = true
        persist = false
        """

    @Test(arguments: [(maps, 1 + 6), (flushes, 12 * 3 * 8), (copies, 8 + 63 + 8 + 5)])
    func everyKeyAndRangeIsUnderstood(text: String, count: Int) throws {
        let scenarios = try ConfigFile(text: text, path: "x.cfg").scenarios
        let combinations = try scenarios.map(Self.combinations)
        #expect(combinations.reduce(0) { $0 + $1.count } == count)
    }

    @Test(arguments: [
        ("1:*2:32", [1, 2, 4, 8, 16, 32]), ("1:*2:16", [1, 2, 4, 8, 16]), ("1:+1:16", Array(1...16)),
        ("1:+1:63", Array(1...63)), ("64:*2:8192", [64, 128, 256, 512, 1024, 2048, 4096, 8192]),
        ("10000:/10:100", [10000, 1000, 100]),
    ])
    func rangesOfPMDKsScenarios(text: String, numbers: [Int]) throws {
        #expect(try NumberList(text, option: "threads", allowed: 1...100_000).numbers == numbers)
    }

    /// First and last combination of every scenario run, and check themselves.
    @Test(arguments: [maps, flushes, copies])
    func scenariosRun(text: String) throws {
        let scratch = try ScratchDirectory()
        for scenario in try ConfigFile(text: text, path: "x.cfg").scenarios {
            var scenario = scenario
            scenario.settings.set("file", scratch.path + "/file")
            let benchmark = try #require(PMDKBenchmark(rawValue: scenario.benchmark))
            let combinations = try Self.combinations(scenario)
            for arguments in [combinations[0], combinations[combinations.count - 1]] {
                let round = PMDKRound(benchmark: benchmark, arguments: arguments, isVolatileMedium: true)
                let row = try PMDKRow(benchmark, arguments, [round.run(seed: 1)])
                #expect(row.latency?.count == UInt64(arguments.operations), "\(scenario.name ?? "")")
            }
        }
    }

    private static func combinations(_ scenario: Scenario) throws -> [PMDKArguments] {
        let benchmark = try #require(PMDKBenchmark(rawValue: scenario.benchmark))
        return try PMDKArguments.combinations(scenario.settings, benchmark.options)
    }
}
