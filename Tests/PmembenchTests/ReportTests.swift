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

    /// Figures of a program that was built before its sources changed are not those of their commit.
    @Test func staleProgramsAreNoticed() throws {
        let scratch = try ScratchDirectory()
        let sources = scratch.path + "/Sources"
        try FileManager.default.createDirectory(atPath: sources + "/x", withIntermediateDirectories: true)
        let (program, source) = (scratch.path + "/program", sources + "/x/a.swift")
        for (path, seconds) in [(program, 1000.0), (source, 900), (sources + "/x/note.md", 2000)] {
            try "".write(toFile: path, atomically: true, encoding: .utf8)
            let date = Date(timeIntervalSince1970: seconds)
            try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: path)
        }
        #expect(!BenchmarkEnvironment.hasFiles(in: sources, newerThan: program))
        let later = Date(timeIntervalSince1970: 1100)
        try FileManager.default.setAttributes([.modificationDate: later], ofItemAtPath: source)
        #expect(BenchmarkEnvironment.hasFiles(in: sources, newerThan: program))
        #expect(!BenchmarkEnvironment.hasFiles(in: sources, newerThan: scratch.path + "/missing"))
    }

    @Test func csvQuotesWhatNeedsIt() throws {
        let lines = CSVReport.text(Self.report).split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 4)
        #expect(lines[1].contains("\"commas, \"\"quotes\"\"\""))
        #expect(lines[0].split(separator: ",").count == 36)
    }

    @Test func ycsbHasItsLines() {
        let text = YCSBReport.text(Self.report)
        #expect(text.contains("[OVERALL], Throughput(ops/sec), 200.000"))
        #expect(text.contains("[READ], 99thPercentileLatency(us), "))
        #expect(text.contains("[READ], Return=OK, "))
    }

    @Test func tableNamesTheMediumAndTheInterruption() {
        let text = TableReport.text(Self.report)
        #expect(text.contains("INCOMPLETE. The run was interrupted: readrandom, lmdb, round 2."))
        #expect(text.contains("the medium forgets"))
        #expect(text.contains("lmdb *"))
        #expect(!text.lowercased().contains("durable"))
    }

    /// Where a round has no figure, the others keep their partners.
    @Test func roundsKeepTheirPlaces() throws {
        var rows = Self.rows
        let times: [[UInt64?]] = [[nil, 200, 400], [7, 100, 200]]
        for (index, times) in times.enumerated() {
            for (round, time) in times.enumerated() { rows[index].samples[round].p50Nanoseconds = time }
        }
        let ratio = try #require(
            Comparison.all(rows).first { $0.metric == .p50Nanoseconds && $0.opponent == .lmdb }?.ratio)
        #expect(abs(ratio.ratio - 2) < 1e-9 && ratio.rounds == 2)
    }

    /// Keys of 8 bytes are another benchmark than keys of 16.
    @Test func sizesOfKeysAreNotMixed() {
        let short = Self.rows.map { row in
            var row = row
            row.keyBytes = 8
            row.samples = row.samples.map { sample in
                var sample = sample
                sample.operationsPerSecond *= row.engine == .rocksdb ? 1000 : 1
                return sample
            }
            return row
        }
        let best = Comparison.best(Comparison.all(Self.rows + short)).filter {
            $0.metric == .operationsPerSecond
        }
        #expect(best.map(\.keyBytes) == [16, 8])
        #expect(best.map(\.opponent) == [.lmdb, .rocksdb])
    }

    /// The longest time is not cut off where percentiles are.
    @Test func longTimesAreToldAsLongAsTheyWere() throws {
        var histogram = LatencyHistogram()
        for time in [1_000_000_000, 120_000_000_000, 8_000_000_000_000] as [UInt64] { histogram.record(time) }
        var all = LatencyHistogram()
        all.add(histogram)
        let summary = try #require(all.summary)
        #expect(summary.max == 8_000_000_000_000)
        #expect(abs(Double(summary.p50) / 120e9 - 1) < 0.01)
    }

    /// 0.0123 is not 0.01.
    @Test(arguments: [
        (0.0123, "0.0123"), (0.000456, "0.000456"), (0.5, "0.50"), (0, "0.00"), (12.34, "12.3"),
    ])
    func smallRatiosKeepTheirDigits(number: Double, text: String) {
        #expect(TableReport.decimal(number) == text)
    }

    @Test func everyFormatForReadersSaysWhatIsMissing() throws {
        for format in [ReportFormat.table, .json, .csv, .ycsb] {
            #expect(try Self.report.text(format).contains("readrandom, lmdb, round 2"), "\(format)")
        }
    }

    /// A count of the timed ones is not one of all.
    @Test func ycsbSaysHowManyWereTimed() {
        var row = Self.rows[0]
        row.latencySampling = 16
        let report = BenchmarkReport(environment: Self.report.environment, rows: [row])
        #expect(YCSBReport.text(report).contains("one in 16 transactions was timed"))
    }

    /// Bytes of checkpoints are written, too; where not every operation is a put there is nothing to divide by.
    @Test func writeAmplificationIsOfPuts() throws {
        var row = Self.rows[0]
        row.flushedLinesPerTransaction = 1
        row.nonTemporalBytesPerTransaction = 36
        row.checkpointFlushedLinesPerTransaction = 2
        row.checkpointNonTemporalBytesPerTransaction = 4
        func amplification(_ benchmark: String) throws -> String {
            row.benchmark = benchmark
            let report = BenchmarkReport(environment: Self.report.environment, rows: [row])
            let lines = PMDKReport.text(report).split(separator: "\n").map { $0.split(separator: ";") }
            return String(lines[2][try #require(lines[1].firstIndex(of: "write-amp"))])
        }
        // 3 lines of 64 and 40 bytes, for 116.
        #expect(try amplification("overwrite") == "2.000")
        #expect(try amplification("ycsb_a") == "-")
        #expect(try amplification("deleterandom") == "-")
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
        interruption: "readrandom, lmdb, round 2")

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
