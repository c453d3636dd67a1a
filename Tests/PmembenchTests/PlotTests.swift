import Foundation
import Testing

@testable import pmembench

@Suite struct PlotTests {
    @Test func savedReportsAreReadBack() throws {
        let saved = try Self.saved()
        #expect(saved.rows.count == 6)
        #expect(saved.engines == ["pmemstore", "lmdb"])
        #expect(!saved.comparisons.isEmpty)
        #expect(saved.rows[0].latencyNanoseconds?["p99.9"] != nil)
    }

    @Test func chartsFollowWhatTheRowsHave() throws {
        let names = Charts(try Self.saved()).all.map(\.name)
        #expect(names.contains("throughput"))
        #expect(names.contains("latency-readrandom"))
        #expect(names.contains("keys-readrandom"))
        #expect(names.contains("recovery"))
        // Value size and threads do not vary.
        #expect(!names.contains { $0.hasPrefix("values-") || $0.hasPrefix("threads-") })
    }

    @Test func recoveryIsTheInverseOfTheRate() throws {
        let chart = try #require(Charts(try Self.saved()).all.first { $0.name == "recovery" })
        let points = try #require(chart.series.first { $0.name == "pmemstore" }?.points)
        #expect(points.map(\.x) == [1000])
        #expect(points.map(\.y) == [0.05])
    }

    @Test func chartsStayInTheirDirectory() {
        let chart = Chart(
            name: "latency-../../x y", title: "", xLabel: "", yLabel: "", kind: .bars(groups: []), series: [])
        #expect(chart.fileName == "latency-.._.._x_y")
    }

    @Test(arguments: [(-1.0, "-1 ns"), (1e300, "ms"), (2_000_000.0, "2000.0 us")])
    func durationsMayBeAnything(nanoseconds: Double, text: String) {
        #expect(TableReport.duration(nanoseconds).hasSuffix(text))
        #expect(!TableReport.grouped(nanoseconds * 1e9).isEmpty)
    }

    @Test func scriptsHoldTheirPoints() throws {
        let chart = try #require(Charts(try Self.saved()).all.first { $0.name == "keys-readrandom" })
        let script = chart.script(terminal: "svg", path: "/tmp/it's.svg")
        #expect(script.contains("set output '/tmp/its.svg'"))
        #expect(script.contains("10.0 200.0\n1000.0 100.0"))
        #expect(script.contains("set logscale x"))
    }

    @Test(.enabled(if: Self.hasGnuplot, "gnuplot is not installed"))
    func gnuplotDrawsEveryChart() throws {
        let scratch = try ScratchDirectory()
        let charts = Charts(try Self.saved()).all
        let paths = try Gnuplot(directory: scratch.path).draw(charts)
        #expect(paths.count == charts.count)
        for path in paths {
            let svg = try String(contentsOfFile: path, encoding: .utf8)
            #expect(svg.contains("<svg") && svg.contains("</svg>"), "\(path)")
            let png = path.dropLast(4) + ".png"
            let data = try Data(contentsOf: URL(fileURLWithPath: String(png)))
            #expect(data.starts(with: [0x89, 0x50, 0x4E, 0x47]), "\(png)")
        }
    }

    @Test func pagesStandAlone() throws {
        let svg = Data("<svg></svg>".utf8)
        let page = HTMLReport(report: try Self.saved(), pictures: [(title: "A & B", svg: svg)]).text
        #expect(page.contains("A &amp; B"))
        #expect(page.contains("data:image/svg+xml;base64," + svg.base64EncodedString()))
        #expect(!page.contains("http://") && !page.contains("https://") && !page.contains("src=\"/"))
        #expect(page.contains("nothing here survives a power cut"))
    }

    @Test func tablesAreRewrittenBetweenTheirMarks() throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/README.md"
        let old = "before\n\(MarkdownTable.begin)\nold\n\(MarkdownTable.end)\nafter\n"
        try old.write(toFile: path, atomically: true, encoding: .utf8)
        let table = MarkdownTable(report: try Self.saved())
        try table.rewrite(path)
        let new = try String(contentsOfFile: path, encoding: .utf8)
        #expect(new.hasPrefix("before\n") && new.hasSuffix("after\n"))
        #expect(!new.contains("old"))
        #expect(new.contains("| readrandom | 10 | 100 | 1 | 200 | lmdb | 2.00 |"))
        #expect(new.contains("commit "))
        try table.rewrite(path)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == new)
    }

    /// Engines that ran a benchmark only on other keys have no bar beside those of these.
    @Test func barsAreOfTheSameKeys() throws {
        let rows = [
            Self.row("readrandom", .pmemstore, keys: 1000, rate: 100),
            Self.row("readrandom", .lmdb, keys: 1000, rate: 90),
            Self.row("readrandom", .rocksdb, keys: 10, rate: 900),
        ]
        let chart = try #require(Charts(try Self.saved(rows)).all.first { $0.name == "throughput" })
        #expect(chart.title.contains("1000 keys"))
        #expect(chart.series.first { $0.name == "rocksdb" }?.points.isEmpty == true)
        #expect(chart.series.first { $0.name == "lmdb" }?.points.count == 1)
    }

    @Test func tablesShowSpaceLastPercentilesAndOpenings() throws {
        var rows = [
            Self.row("overwrite", .pmemstore, keys: 10, rate: 200),
            Self.row("overwrite", .lmdb, keys: 10, rate: 100),
            Self.row("open_killed", .pmemstore, keys: 10, rate: 20),
        ]
        for index in 0..<2 {
            rows[index].bytesPerPair = [150, 300][index]
            rows[index].samples = rows[index].samples.map { sample in
                var sample = sample
                sample.bytesPerPair = rows[index].bytesPerPair
                return sample
            }
        }
        let text = MarkdownTable(report: try Self.saved(rows)).text
        #expect(text.contains("| overwrite | 10 | 100 | bytes per pair | 150.0 | lmdb | 300.0 | 0.50 |"))
        #expect(text.contains("| overwrite | 10 | 100 | p99.9 of a transaction | "))
        #expect(text.contains("| open_killed | 10 | 100 | pmemstore | 901 | 550 ns | "))
        // A rate of openings says nothing.
        #expect(!text.contains("| open_killed | 10 | 100 | 1 |"))
    }

    @Test func summariesHaveEachWorkloadOnce() throws {
        let other = Self.rows("two", rate: 5, rounds: 2) + Self.rows("one", rate: 10, rounds: 2)
        let report = try Self.saved(Self.rows("one", rate: 100, rounds: 2) + other)
        let lines = MarkdownTable(report: report, isSummary: true).text.split(separator: "\n")
        #expect(lines.filter { $0.hasPrefix("| readrandom ") }.count == 1)
        #expect(!lines.contains { $0.contains("less is better") || $0.contains("opening") })
        #expect(MarkdownTable(report: report).text.contains("| readrandom | 20 |"))
    }

    // MARK: Several reports

    private static func report(
        _ rows: [BenchmarkRow], missing: [String], interruption: String? = nil, commit: String? = nil
    ) throws -> SavedReport {
        let report = BenchmarkReport(
            environment: BenchmarkEnvironment(path: "/dev/shm", engines: [.pmemstore]), rows: rows,
            interruption: interruption, missingParts: missing)
        var text = try report.text(.json)
        if let commit {
            text = text.replacingOccurrences(
                of: "\"commit\" : \"\(report.environment.commit)\"", with: "\"commit\" : \"\(commit)\"")
        }
        return try SavedReport(data: Data(text.utf8), path: "x")
    }

    private static func rows(_ part: String, rate: Double, rounds: Int) -> [BenchmarkRow] {
        [EngineName.pmemstore, .lmdb].map { engine in
            var row = row("readrandom", engine, keys: part == "one" ? 10 : 20, rate: rate)
            row.part = part
            row.rounds = [Double](repeating: rate, count: rounds)
            return row
        }
    }

    @Test func piecesBecomeOneReport() throws {
        let first = try Self.report(
            Self.rows("one", rate: 100, rounds: 3) + Self.rows("two", rate: 7, rounds: 1), missing: ["two"],
            interruption: "two, readrandom")
        let second = try Self.report(Self.rows("two", rate: 50, rounds: 3), missing: ["one"])
        #expect(first.incompleteness?.contains("two, readrandom") == true)
        let joined = try SavedReport(joining: [first, second])
        #expect(joined.incompleteness == nil)
        #expect(joined.rows.map(\.operationsPerSecond) == [100, 100, 50, 50])
        let ratios = joined.comparisons.filter { $0.metric == "operationsPerSecond" }
        #expect(ratios.map { $0.part } == ["one", "two"])
        // Without the second one the gap is told.
        let alone = try SavedReport(joining: [first])
        #expect(MarkdownTable(report: alone).text.contains("two, readrandom"))
    }

    @Test func reportsOfOtherCommitsAreNotJoined() throws {
        let first = try Self.report(Self.rows("one", rate: 1, rounds: 1), missing: [], commit: "aaaaaaa")
        let second = try Self.report(Self.rows("two", rate: 1, rounds: 1), missing: [], commit: "bbbbbbb")
        let failure = #expect(throws: BenchmarkFailure.self) { try SavedReport(joining: [first, second]) }
        #expect(failure?.description.contains("aaaaaaa") == true)
    }

    @Test func filesWithoutMarksAreRefused() throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/README.md"
        try "nothing".write(toFile: path, atomically: true, encoding: .utf8)
        #expect(throws: BenchmarkFailure.self) { try MarkdownTable(report: try Self.saved()).rewrite(path) }
        #expect(throws: BenchmarkFailure.self) { _ = try SavedReport(path: path) }
        #expect(throws: BenchmarkFailure.self) { _ = try SavedReport(path: path + ".missing") }
    }

    private static var hasGnuplot: Bool {
        ["/usr/bin/gnuplot", "/usr/local/bin/gnuplot"].contains {
            FileManager.default.isExecutableFile(atPath: $0)
        }
    }

    private static func saved() throws -> SavedReport {
        try saved([
            row("readrandom", .pmemstore, keys: 10, rate: 200), row("readrandom", .lmdb, keys: 10, rate: 100),
            row("readrandom", .pmemstore, keys: 1000, rate: 100),
            row("readrandom", .lmdb, keys: 1000, rate: 90),
            row("open_killed", .pmemstore, keys: 1000, rate: 20),
            row("open_killed", .lmdb, keys: 1000, rate: 10),
        ])
    }

    private static func saved(_ rows: [BenchmarkRow]) throws -> SavedReport {
        let report = BenchmarkReport(
            environment: BenchmarkEnvironment(path: "/dev/shm", engines: [.pmemstore]), rows: rows)
        return try JSONDecoder().decode(SavedReport.self, from: Data(try report.text(.json).utf8))
    }

    private static func row(_ benchmark: String, _ engine: EngineName, keys: Int, rate: Double)
        -> BenchmarkRow
    {
        var row = BenchmarkRow(
            benchmark: benchmark, engine: engine, threads: 1, keys: keys, keyBytes: 16, valueBytes: 100,
            operationsPerTransaction: 1, durability: "a fence", domain: "volatile", lease: "none",
            operationsPerSecond: rate, seed: 1)
        var histogram = LatencyHistogram()
        for value in UInt64(100)...1000 { histogram.record(value) }
        row.latency = histogram.summary
        row.rounds = [rate, rate]
        row.samples = [1.0, 1].map {
            RoundSample(
                seconds: $0, operations: Int(rate), operationsPerSecond: rate, backgroundWritesPerSecond: nil,
                bytesPerPair: nil, p50Nanoseconds: 5, p999Nanoseconds: 10)
        }
        return row
    }
}
