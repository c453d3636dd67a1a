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
        let rows = [
            row("readrandom", .pmemstore, keys: 10, rate: 200), row("readrandom", .lmdb, keys: 10, rate: 100),
            row("readrandom", .pmemstore, keys: 1000, rate: 100),
            row("readrandom", .lmdb, keys: 1000, rate: 90),
            row("open_killed", .pmemstore, keys: 1000, rate: 20),
            row("open_killed", .lmdb, keys: 1000, rate: 10),
        ]
        let report = BenchmarkReport(
            environment: BenchmarkEnvironment(path: "/dev/shm", engines: [.pmemstore]), rows: rows,
            isComplete: true)
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
