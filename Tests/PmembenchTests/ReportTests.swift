import Foundation
import Testing

@testable import pmembench

@Suite struct ReportTests {
    @Test func comparisonsAreOfTheFirstEngineWithTheOthers() throws {
        let comparisons = Comparison.all(Self.rows)
        #expect(comparisons.allSatisfy { $0.engine == .pmemstore && $0.opponent != .pmemstore })
        let rate = try #require(
            comparisons.first { $0.metric == .operationsPerSecond && $0.opponent == .lmdb })
        #expect(abs(rate.ratio.ratio - 2) < 1e-9)
        let bytes = try #require(comparisons.first { $0.metric == .bytesPerPair && $0.opponent == .lmdb })
        #expect(abs(bytes.ratio.ratio - 1.5) < 1e-9)
        #expect(abs(bytes.advantage - 1 / 1.5) < 1e-9)
        // The strongest opponent in rates is the faster one.
        let best = Comparison.best(comparisons).first { $0.metric == .operationsPerSecond }
        #expect(best?.opponent == .lmdb)
    }

    @Test func everyFormatHasEveryRow() throws {
        for format in ReportFormat.allCases {
            let text = try Self.report.text(format)
            #expect(text.components(separatedBy: "rocksdb").count > 1, "\(format)")
            #expect(text.contains("lmdb"), "\(format)")
        }
    }

    @Test func jsonCarriesEnvironmentRowsAndRatios() throws {
        let data = Data(try Self.report.text(.json).utf8)
        let parsed = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
        let environment = try #require(parsed["environment"] as? [String: Any])
        for key in ["processor", "kernel", "fileSystem", "dax", "date", "commit", "engines"] {
            #expect(environment[key] != nil, "\(key)")
        }
        #expect(parsed["isComplete"] as? Bool == false)
        #expect((parsed["rows"] as? [Any])?.count == 3)
        #expect((parsed["comparisons"] as? [Any])?.isEmpty == false)
    }

    @Test func csvQuotesWhatNeedsIt() throws {
        let lines = CSVReport.text(Self.report).split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 4)
        #expect(lines[1].contains("\"commas, \"\"quotes\"\"\""))
        #expect(lines[0].split(separator: ",").count == 34)
    }

    @Test func ycsbHasItsLines() {
        let text = YCSBReport.text(Self.report)
        #expect(text.contains("[OVERALL], Throughput(ops/sec), 200.000"))
        #expect(text.contains("[READ], 99thPercentileLatency(us), "))
        #expect(text.contains("[READ], Return=OK, "))
    }

    @Test func tableNamesTheMediumAndTheInterruption() {
        let text = TableReport.text(Self.report)
        #expect(text.contains("INTERRUPTED"))
        #expect(text.contains("the medium forgets"))
        #expect(text.contains("lmdb *"))
        #expect(!text.lowercased().contains("durable"))
    }

    /// `map(Double.init)` takes the bits of an integer for a number.
    @Test func durationsAreNumbersOfNanoseconds() {
        #expect(TableReport.duration(UInt64(450)) == "450 ns")
        #expect(TableReport.duration(UInt64(12_345)) == "12.3 us")
        #expect(TableReport.duration(UInt64(12_345_678)) == "12.3 ms")
        #expect(TableReport.duration(nil as UInt64?) == "-")
    }

    @Test func pmdkHasThirteenColumnsThenOptionsThenOurs() {
        let lines = PMDKReport.text(Self.report).split(separator: "\n").map(String.init)
        #expect(lines[0] == "readrandom [3]")
        let heads = lines[1].split(separator: ";").map(String.init)
        #expect(Array(heads.prefix(13)) == PMDKReport.heads)
        #expect(heads[13] == "threads")
        #expect(heads.last == "lease")
        #expect(heads.contains("latency-pctl-99.99%[nsec]"))
        for line in lines.dropFirst(2) { #expect(line.split(separator: ";").count == heads.count) }
        // total-avg of 1, 2 and 3 seconds, and operations by it.
        #expect(lines[2].hasPrefix("2.000000;500.000000;3.000000;1.000000;2.000000;1.000000;"))
    }

    private static let report = BenchmarkReport(
        environment: BenchmarkEnvironment(path: "/dev/shm", engines: [.pmemstore]), rows: rows,

        isComplete: false)

    private static let rows = [
        row(.pmemstore, rate: 200, bytes: 300), row(.lmdb, rate: 100, bytes: 200),
        row(.rocksdb, rate: 50, bytes: 100),
    ]

    private static func row(_ engine: EngineName, rate: Double, bytes: Double) -> BenchmarkRow {
        var row = BenchmarkRow(
            benchmark: "readrandom", engine: engine, threads: 1, keys: 10, keyBytes: 16, valueBytes: 100,
            operationsPerTransaction: 1, durability: "commas, \"quotes\"", domain: "volatile", lease: "none",
            operationsPerSecond: rate, seed: 1)
        var histogram = LatencyHistogram()
        for value in UInt64(1)...1000 { histogram.record(value) }
        row.latency = histogram.summary
        row.latencyByOperation = ["READ": histogram.summary].compactMapValues { $0 }
        row.rounds = [rate, rate, rate]
        row.samples = [1.0, 2, 3].map {
            RoundSample(
                seconds: $0, operations: 1000, operationsPerSecond: rate, backgroundWritesPerSecond: nil,
                bytesPerPair: bytes, p50Nanoseconds: 5, p999Nanoseconds: 10)
        }
        return row
    }
}
