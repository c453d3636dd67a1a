import Foundation
import Testing

@testable import pmembench

@Suite struct PMDKFormTests {
    // MARK: Numbers

    @Test(arguments: [
        ("8", [8]), ("1,2,4", [1, 2, 4]), ("1:*2:32", [1, 2, 4, 8, 16, 32]),
        ("1:*2:33", [1, 2, 4, 8, 16, 32]),
        ("1:+1:4", [1, 2, 3, 4]), ("10:-4:1", [10, 6, 2]), ("10000:/10:100", [10000, 1000, 100]),
        ("64:*2:256,3", [64, 128, 256, 3]), ("0x10", [16]), ("5:*2:4", [5]), ("7:/2:0", [7, 3, 1, 0]),
    ])
    func listsAndRanges(text: String, numbers: [Int]) throws {
        #expect(try NumberList(text, option: "x", allowed: 0...100_000).numbers == numbers)
    }

    @Test(arguments: [
        "", ",", "1,", "x", "1:2", "1:2:3", "1:*1:8", "1:+0:8", "1:^2:8", "1:*x:8", "1:*2:y", "-1", "1.5",
        "100001",
        "1:*2:100001", "1:*2:8:9", "0x", "0xg",
    ])
    func wrongNumbersAreNamed(text: String) {
        let failure = refusal { _ = try NumberList(text, option: "x", allowed: 0...100_000) }
        #expect(failure?.contains("--x") == true, "\(failure ?? "nothing was refused")")
    }

    @Test(arguments: [("-1:*2:8", [-1]), ("-1:/2:-1", [-1, 0]), ("1:-1:-1", [1, 0, -1])])
    func rangesStayWithinTheirBounds(text: String, numbers: [Int]) throws {
        #expect(try NumberList(text, option: "x", allowed: -1...100).numbers == numbers)
    }

    @Test func rangesEndBeforeTheyOverflow() throws {
        let doubled = try NumberList("1:*2:\(Int.max)", option: "x", allowed: 0...Int.max).numbers
        #expect(doubled.count == 63)
        #expect(doubled.last == 1 << 62)
        #expect(refusal { _ = try NumberList("0:+1:\(Int.max)", option: "x", allowed: 0...Int.max) } != nil)
    }

    // MARK: What the fuzzer found, or would have

    @Test func linesMayEndInTwoCharacters() throws {
        let text = Self.file.replacingOccurrences(of: "\n", with: "\r\n")
        let scenarios = try ConfigFile(text: text, path: "x.cfg").scenarios
        #expect(scenarios.map(\.name) == ["one", "map_get"])
        #expect(scenarios[1].settings.map(\.value) == ["64", "4"])
    }

    @Test func emptyValuesAreValues() throws {
        let line = try PMDKCommandLine(["map_insert", "--file=", "--threads", "3"])
        #expect(line.scenarios[0].settings.map(\.value) == ["", "3"])
        #expect(refusal { _ = try PMDKPlan(Self.scenario([("file", ",")])) }?.contains("--file") == true)
    }

    @Test func defaultsAreReadAsValuesAre() throws {
        #expect(try PMDKPlan(Self.scenario([])).combinations[0].number("fmode") == 0o666)
    }

    @Test func tooMuchIsRefusedBeforeItIsMade() {
        let long = [("threads", "1:+1:1000"), ("ops-per-thread", "1:+1:100000"), ("seed", "1:+1:100000")]
        #expect(refusal { _ = try PMDKPlan(Self.scenario(long)) }?.contains("combinations") == true)
        let large = [("threads", "1024"), ("ops-per-thread", "4294967295"), ("data-size", "1073741824")]
        #expect(refusal { _ = try PMDKPlan(Self.scenario(large)) }?.contains("1 EiB") == true)
    }

    @Test(arguments: ["/dev/zero", "/tmp", "/no/such/file"])
    func onlyFilesAreRead(path: String) {
        #expect(refusal { _ = try ConfigFile(path: path) }?.contains(path) == true)
    }

    private static func scenario(_ settings: [ConfigFile.Setting]) -> Scenario {
        Scenario(name: nil, benchmark: "pmem_flush", settings: settings)
    }

    // MARK: Files

    private static let file = """
        # a comment
        [global]
        group = all
        threads = 1,2
        data-size=64

        [one]
        bench = pmem_flush
        operation = persist

        [map_get]
        threads = 4
        group = own
        """

    @Test func scenariosInheritFromGlobal() throws {
        let scenarios = try ConfigFile(text: Self.file, path: "x.cfg").scenarios
        #expect(scenarios.map(\.name) == ["one", "map_get"])
        #expect(scenarios.map(\.benchmark) == ["pmem_flush", "map_get"])
        #expect(scenarios.map(\.group) == ["all", "own"])
        #expect(scenarios[0].settings.map(\.key) == ["threads", "data-size", "operation"])
        #expect(scenarios[1].settings.map(\.key) == ["data-size", "threads"])
        #expect(scenarios[1].settings.map(\.value) == ["64", "4"])
    }

    @Test(arguments: [
        ("key = 1", "line 1"), ("[a]\nno equals", "line 2"), ("[a", "line 1"), ("[]", "line 1"),
        ("", "no scenario"),
        ("[global]\na = 1", "no scenario"), ("[a]\n= 1", "line 2"),
    ])
    func wrongFilesAreNamed(text: String, part: String) {
        let failure = refusal { _ = try ConfigFile(text: text, path: "x.cfg") }
        #expect(failure?.contains(part) == true, "\(failure ?? "nothing was refused")")
        #expect(failure?.contains("x.cfg") == true)
    }

    @Test func missingScenariosAreNamed() throws {
        let file = try ConfigFile(text: Self.file, path: "x.cfg")
        #expect(try file.scenarios(named: ["map_get"], path: "x.cfg").count == 1)
        #expect(
            refusal { _ = try file.scenarios(named: ["two"], path: "x.cfg") }?.contains("one, map_get")
                == true)
    }

    @Test func examplesAreRight() throws {
        for name in ["map", "flush", "memory"] {
            let line = try PMDKCommandLine([Self.examples + "/\(name).cfg", "--file", "/dev/shm/x"])
            for scenario in line.scenarios {
                let benchmark = try #require(PMDKBenchmark(rawValue: scenario.benchmark))
                let combinations = try PMDKArguments.combinations(scenario.settings, benchmark.options)
                #expect(!combinations.isEmpty)
                #expect(combinations.allSatisfy { $0.file == "/dev/shm/x" })
            }
        }
    }

    private static let examples =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path + "/Benchmarks"

    // MARK: Command lines

    @Test func optionsInTheirForms() throws {
        let line = try PMDKCommandLine([
            "map_insert", "-t2", "-n", "1:*10:100", "--data-size=8", "-A", "-T", "btree",
        ])
        let settings = line.scenarios[0].settings
        #expect(settings.map(\.key) == ["threads", "ops-per-thread", "data-size", "alloc", "type"])
        #expect(settings.map(\.value) == ["2", "1:*10:100", "8", "true", "btree"])
    }

    @Test func theFirstListVariesFastest() throws {
        let combinations = try PMDKArguments.combinations(
            [("threads", "1,2"), ("data-size", "8,16")], PMDKBenchmark.pmemFlush.options)
        #expect(combinations.map { "\($0.threads) \($0.dataSize)" } == ["1 8", "2 8", "1 16", "2 16"])
        #expect(combinations.allSatisfy { $0.text("operation") == "noop" && $0.number("repeats") == 1 })
    }

    @Test(arguments: [
        ["map_insert", "--nosuch", "1"], ["map_insert", "-Z"], ["map_insert", "--threads"], ["obj_tx_alloc"],
        ["pmalloc"], ["/no/such/file.cfg"], ["map_get", "stray"],
    ])
    func wrongLinesAreRefused(arguments: [String]) {
        let failure = refusal { _ = try PMDKCommandLine(arguments) }
        #expect(failure?.isEmpty == false, "nothing was refused")
        #expect(failure?.contains("\n") == false)
    }

    @Test func theFormIsRecognised() {
        let subcommands = ["run", "compare"]
        #expect(PMDKCommandLine.isMeant(["map_get"], subcommands: subcommands))
        #expect(PMDKCommandLine.isMeant(["obj_tx_free", "-n", "1"], subcommands: subcommands))
        #expect(PMDKCommandLine.isMeant(["missing.cfg"], subcommands: subcommands))
        #expect(!PMDKCommandLine.isMeant(["run", "readrandom"], subcommands: subcommands))
        #expect(!PMDKCommandLine.isMeant(["--help"], subcommands: subcommands))
        #expect(!PMDKCommandLine.isMeant([], subcommands: subcommands))
        #expect(!PMDKCommandLine.isMeant(["nonsense"], subcommands: subcommands))
    }

    // MARK: Runs

    @Test(arguments: PMDKBenchmark.allCases, [1, 2])
    func everyBenchmarkRunsAndChecksItself(benchmark: PMDKBenchmark, threads: Int) throws {
        let scratch = try ScratchDirectory()
        let settings: [ConfigFile.Setting] = [
            ("threads", "\(threads)"), ("ops-per-thread", "300"), ("data-size", "100"),
            ("file", scratch.path + "/file"),
        ]
        for arguments in try PMDKArguments.combinations(settings + Self.lists(benchmark), benchmark.options) {
            let round = PMDKRound(benchmark: benchmark, arguments: arguments, isVolatileMedium: true)
            let results = try [round.run(seed: 1), round.run(seed: 2)]
            let row = PMDKRow(benchmark, arguments, results)
            #expect(row.seconds.count == 2)
            #expect(row.latency?.count == UInt64(2 * 300 * threads))
            let heads = PMDKReport.heads.count + row.options.count + row.extras.count
            #expect(row.line.split(separator: ";", omittingEmptySubsequences: false).count == heads)
            #expect(!FileManager.default.fileExists(atPath: scratch.path + "/file"))
        }
    }

    /// Every value of the options that change what is done.
    private static func lists(_ benchmark: PMDKBenchmark) -> [ConfigFile.Setting] {
        switch benchmark {
        case .benchmarkEmpty: return []
        case .pmemFlush:
            return [
                ("operation", FlushOperation.allCases.map(\.rawValue).joined(separator: ",")),
                ("mode", "stat,seq,rand"),
            ]
        case .pmemMemcpy:
            return [("operation", "read,write"), ("src-mode", "stat,rand"), ("dest-mode", "seq,rand")]
        case .pmemMemset: return [("mem-mode", "stat,seq,rand"), ("dest-offset", "0,7")]
        case .mapInsert: return [("max-key", "0,50"), ("type", "pmemstore,btree,hashmap_tx")]
        case .mapGet, .mapRemove: return [("max-key", "0,1000"), ("type", "pmemstore,btree,hashmap_tx")]
        }
    }

    @Test(arguments: [
        (PMDKBenchmark.pmemFlush, "operation", "fly"), (.pmemFlush, "mode", "zigzag"),
        (.pmemMemcpy, "operation", "swap"), (.pmemMemset, "msync", "true"), (.mapInsert, "type", "ctree"),
        (.mapGet, "external-tx", "true"), (.mapGet, "max-key", "3"), (.mapGet, "dynamic-poolset", "true"),
    ])
    func wrongValuesAreRefused(benchmark: PMDKBenchmark, option: String, value: String) throws {
        let scratch = try ScratchDirectory()
        let settings: [ConfigFile.Setting] = [
            ("ops-per-thread", "10"), ("file", scratch.path + "/file"), (option, value),
        ]
        let arguments = try PMDKArguments.combinations(settings, benchmark.options)[0]
        let round = PMDKRound(benchmark: benchmark, arguments: arguments, isVolatileMedium: true)
        let failure = refusal { _ = try round.run(seed: 1) }
        #expect(failure?.contains("--\(option)") == true, "\(failure ?? "nothing was refused")")
    }

    private func refusal(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch {
            return (error as? BenchmarkFailure)?.kind == .usage ? "\(error)" : ""
        }
    }
}
