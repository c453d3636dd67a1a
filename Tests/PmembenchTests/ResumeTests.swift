import Foundation
import Testing

@testable import pmembench

/// A run that was interrupted goes on where it was; what belongs to another run is not kept.
@Suite struct ResumeTests {
    private static let plan = """
        [global]
        engine = pmemstore,libpmemobj-hash
        rounds = 2
        keys = 500
        operations = 300
        [one]
        workloads = fillrandom,readseq,loadsorted
        [two]
        workloads = overwrite
        value-size = 100,200
        """

    private func parts(_ text: String = plan, chosen: [String]? = nil) throws -> [RunPart] {
        try RunPlan(text: text, path: "x.cfg", chosen: chosen, fraction: 1, isVolatileMedium: true).parts
    }

    /// Runs and returns the record, and the rounds that were measured.
    private func run(
        _ parts: [RunPart], earlier: [BenchmarkRow] = []
    ) throws -> (record: RunRecord, saves: Int) {
        let scratch = try ScratchDirectory()
        let workspace = try Workspace(in: scratch.path)
        defer { workspace.remove() }
        let record = RunRecord(earlier: earlier)
        var saves = 0
        try BenchmarkRun(
            parts: parts, workspace: workspace, record: record, progress: ProgressLine(), save: { saves += 1 }
        ).run()
        return (record, saves)
    }

    /// As a file of `--output` brings them back.
    private func saved(_ rows: [BenchmarkRow]) throws -> [BenchmarkRow] {
        try JSONDecoder().decode([BenchmarkRow].self, from: Data(try JSONReport.text(rows).utf8))
    }

    @Test func rowsOutliveTheirFile() throws {
        let rows = try run(parts()).record.rows
        let back = try saved(rows)
        #expect(try JSONReport.text(back) == JSONReport.text(rows))
        #expect(back.contains { $0.obstacle != nil } && back.contains { $0.latency != nil })
        #expect(Set(back.map(\.part)) == ["one", "two"])
    }

    @Test func nothingIsMeasuredTwice() throws {
        let first = try run(parts())
        #expect(first.saves == 5 && first.record.missingParts.isEmpty)
        let second = try run(parts(), earlier: try saved(first.record.rows))
        #expect(second.saves == 0 && second.record.missingParts.isEmpty)
        #expect(try JSONReport.text(second.record.rows) == JSONReport.text(first.record.rows))
    }

    /// Rounds are pairs: when one engine's are missing, all are measured again.
    @Test func interruptedBenchmarksAreMeasuredAgain() throws {
        var rows = try run(parts()).record.rows
        let index = try #require(rows.firstIndex { $0.benchmark == "overwrite" && $0.valueBytes == 200 })
        let old = rows[index].samples
        rows[index].rounds.removeLast()
        let again = try run(parts(), earlier: rows)
        #expect(again.saves == 1)
        let row = try #require(
            again.record.rows.first { $0.benchmark == "overwrite" && $0.valueBytes == 200 })
        #expect(row.rounds.count == 2 && row.samples.map(\.seconds) != old.map(\.seconds))
        #expect(again.record.rows.count == rows.count)
    }

    /// Other operations, other rounds, or a plan without the benchmark: these rows are of another run.
    @Test(arguments: [
        ("operations = 300", "operations = 200", 2), ("rounds = 2", "rounds = 3", 5),
        ("keys = 500", "keys = 600", 5), ("[two]", "[three]", 2),
    ])
    func rowsOfAnotherPlanAreNotKept(old: String, new: String, atLeast: Int) throws {
        let rows = try run(parts()).record.rows
        let changed = Self.plan.replacingOccurrences(of: old, with: new)
        let again = try run(parts(changed), earlier: rows)
        #expect(again.saves >= atLeast)
        #expect(!again.record.rows.contains { $0.part == "two" && new == "[three]" })
    }

    @Test func partsThatAreNotChosenKeepTheirRows() throws {
        let first = try run(parts(chosen: ["two"]))
        #expect(Set(first.record.rows.filter { $0.obstacle == nil }.map(\.part)) == ["two"])
        #expect(first.record.missingParts == ["one"])
        let second = try run(parts(chosen: ["one"]), earlier: first.record.rows)
        #expect(second.saves == 3 && second.record.missingParts.isEmpty)
        #expect(second.record.rows.map(\.part).sorted().first == "one")
        #expect(second.record.rows.contains { $0.part == "two" && $0.rounds.count == 2 })
    }

    @Test func partsThatAreNotThereAreRefused() {
        let failure = #expect(throws: BenchmarkFailure.self) { try parts(chosen: ["one", "three"]) }
        #expect(failure?.description.contains("three") == true)
        #expect(failure?.description.contains("one, two") == true)
    }

    /// The same keys in two parts were not measured in turn: they are no pairs.
    @Test func roundsOfDifferentPartsAreNotCompared() throws {
        let text = """
            [global]
            rounds = 2
            keys = 300
            workloads = fillrandom
            [one]
            engine = pmemstore,libpmemobj
            [two]
            engine = pmemstore,libpmemobj-hash
            """
        let rows = try run(parts(text)).record.rows
        #expect(rows.count == 4)
        let pairs = Comparison.all(rows).filter { $0.metric == .operationsPerSecond }
        #expect(
            pairs.map { "\($0.part) \($0.opponent.rawValue)" } == ["one libpmemobj", "two libpmemobj-hash"])
    }

    /// One thread loads and opens, whatever the list of threads says.
    @Test func whatOneThreadDoesIsMeasuredOnce() throws {
        let text = """
            [one]
            engine = pmemstore,libpmemobj
            rounds = 1
            keys = 300
            threads = 1,2
            workloads = loadsorted,fillrandom
            """
        let rows = try run(parts(text)).record.rows
        #expect(rows.filter { $0.benchmark == "loadsorted" }.map(\.threads) == [1, 1])
        #expect(rows.filter { $0.benchmark == "fillrandom" }.map(\.threads) == [1, 1, 2, 2])
    }

    // MARK: Files

    private let environment = BenchmarkEnvironment(path: "/dev/shm", engines: [.pmemstore])

    private func file(_ scratch: ScratchDirectory, _ edit: (String) -> String) throws -> String {
        let report = BenchmarkReport(
            environment: environment, rows: try run(parts(chosen: ["two"])).record.rows)
        let path = scratch.path + "/report.json"
        try edit(try report.text(.json)).write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    private var here: BenchmarkEnvironment {
        get throws {
            var text = String(decoding: try JSONEncoder().encode(environment), as: UTF8.self)
            text = text.replacingOccurrences(of: "\"\(environment.commit)\"", with: "\"abc1234\"")
            return try JSONDecoder().decode(BenchmarkEnvironment.self, from: Data(text.utf8))
        }
    }

    private func renamed(_ text: String, _ commit: String) -> String {
        text.replacingOccurrences(
            of: "\"commit\" : \"\(environment.commit)\"", with: "\"commit\" : \"\(commit)\"")
    }

    @Test func filesOfTheSameCommitAreGoneOnWith() throws {
        let scratch = try ScratchDirectory()
        let path = try file(scratch) { renamed($0, "abc1234") }
        let rows = try #require(try EarlierReport(for: path, in: here)).rows
        #expect(rows.filter { $0.part == "two" }.map(\.rounds.count) == [2, 2, 2, 2])
        #expect(try EarlierReport(for: path + ".missing", in: here) == nil)
    }

    @Test func filesOfAnotherCommitAreNot() throws {
        let scratch = try ScratchDirectory()
        let path = try file(scratch) { renamed($0, "fff0000") }
        #expect(try EarlierReport(for: path, in: here) == nil)
    }

    @Test func filesThatAreNoReportsAreRefused() throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/x.json"
        try "{}".write(toFile: path, atomically: true, encoding: .utf8)
        #expect(throws: BenchmarkFailure.self) { try EarlierReport(for: path, in: here) }
        #expect(throws: BenchmarkFailure.self) { try EarlierReport(for: nil, in: here) }
    }
}
