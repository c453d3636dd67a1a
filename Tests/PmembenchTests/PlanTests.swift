import Foundation
import Testing

@testable import pmembench

@Suite struct PlanTests {
    private static let plan = """
        # a comment
        [global]
        engine = pmemstore,libpmemobj
        keys = 400000
        operations = 50000
        rounds = 2

        [main]
        workloads = fillrandom,readrandom

        [sizes]
        workloads = readrandom
        value-size = 100,1000
        keys = 10000,400000
        threads = 1,2
        plots-only = true
        """

    private func parts(_ text: String, fraction: Double = 1) throws -> [RunPart] {
        try RunPlan(text: text, path: "x.cfg", fraction: fraction, isVolatileMedium: true).parts
    }

    @Test func sectionsBecomeParts() throws {
        let parts = try parts(Self.plan)
        #expect(parts.map(\.workloads) == [[.fillrandom, .readrandom], [.readrandom]])
        #expect(parts.allSatisfy { $0.engines == [.pmemstore, .libpmemobj] })
        #expect(parts.map { $0.configurations.count } == [1, 8])
        #expect(parts[0].configurations[0].roundOperations == 50_000)
        #expect(
            parts[1].configurations.map(\.keys) == [10_000, 10_000, 10_000, 10_000]
                + [Int](repeating: 400_000, count: 4))
        #expect(!parts[0].configurations[0].isForPlots && parts[1].configurations[0].isForPlots)
    }

    @Test func fractionsShortenKeysAndOperations() throws {
        let parts = try parts(Self.plan, fraction: 0.01)
        #expect(parts[0].configurations[0].keys == 4000)
        #expect(parts[0].configurations[0].operations == 1000)
        #expect(parts[1].configurations[0].keys == 1000)
    }

    @Test(arguments: [
        ("[a]\nworkloads = fly", "fly"), ("[a]\nkeys = 10", "workloads"),
        ("[a]\nworkloads = bank\nkeys = x", "x"),
        ("[a]\nworkloads = bank\ncolour = red", "colour"), ("[a]\nworkloads = bank\nengine = x", "x"),
        ("[a]\nworkloads = bank\noperations = 0", "operations"), ("workloads = bank", "line 1"),
    ])
    func wrongPlansAreNamed(text: String, part: String) {
        do {
            _ = try parts(text)
            Issue.record("nothing was refused")
        } catch {
            #expect("\(error)".contains("x.cfg") && "\(error)".contains(part), "\(error)")
            #expect((error as? BenchmarkFailure)?.kind == .usage)
        }
    }

    @Test func figuresAreAPlan() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let parts = try RunPlan(
            path: root + "/Benchmarks/figures.cfg", chosen: nil, fraction: 1, isVolatileMedium: true
        ).parts
        let configurations = parts.flatMap(\.configurations)
        #expect(Set(configurations.map(\.keys)).isSuperset(of: [1000, 1_000_000, 10_000_000]))
        #expect(Set(configurations.map(\.shape.valueBytes)).isSuperset(of: [10, 100, 1000]))
        #expect(Set(configurations.map(\.threads)) == [1, 2, 4])
        #expect(parts.contains { $0.workloads.contains(.openKilled) })
        // Machines of 32 GB can run it.
        let needs = RunNeeds(parts)
        #expect(needs.stored + needs.resident < 26 * 0x1p30, "\(needs)")
    }

    /// What an earlier part has measured is there once.
    @Test func partsShareWhatTheyHaveInCommon() throws {
        let scratch = try ScratchDirectory()
        let record = RunRecord()
        let text = """
            [global]
            engine = pmemstore,libpmemobj-hash
            rounds = 2
            keys = 700
            operations = 300
            [one]
            workloads = fillrandom,readseq
            [two]
            workloads = fillrandom,readrandom
            value-size = 100,200
            """
        let workspace = try Workspace(in: scratch.path)
        defer { workspace.remove() }
        try BenchmarkRun(
            parts: parts(text), workspace: workspace, record: record, progress: ProgressLine()
        ).run()
        let rows = record.rows
        let names = rows.map { "\($0.benchmark) \($0.valueBytes) \($0.engine.rawValue)" }
        #expect(Set(names).count == names.count)
        #expect(rows.count == 10)
        #expect(rows.filter { $0.obstacle != nil }.map(\.benchmark) == ["readseq"])
        #expect(rows.filter { $0.obstacle == nil }.allSatisfy { $0.rounds.count == 2 })
        #expect(rows.first { $0.benchmark == "readrandom" }?.samples.first?.operations == 300)
        let report = BenchmarkReport(
            environment: BenchmarkEnvironment(path: scratch.path, engines: [.pmemstore]), rows: rows)
        for format in ReportFormat.allCases { #expect(try !report.text(format).isEmpty) }
        #expect(TableReport.text(report).contains("not run: keys have no order"))
        #expect(CSVReport.text(report).contains("keys have no order"))
        let saved = try JSONDecoder().decode(SavedReport.self, from: Data(try report.text(.json).utf8))
        #expect(saved.rows.count == 9 && saved.omissions.count == 1)
        #expect(Charts(saved).all.map(\.name).contains("values-readrandom"))
    }

    /// Beside a view LMDB uses no page again.
    @Test func viewsNeedRoomForEveryWrite() throws {
        func needs(_ workload: String) throws -> Double {
            RunNeeds(try parts("[a]\nengine = pmemstore,lmdb\nkeys = 1000000\nworkloads = \(workload)"))
                .stored
        }
        #expect(try needs("longreader") > needs("overwrite") + 2e10)
        let few = try parts("[a]\nengine = pmemstore,lmdb\noperations = 1000\nworkloads = longreader")
        #expect(RunNeeds(few).stored < 2e9)
    }

    /// Nor does it use them in the rounds that follow where backups have views of their own between.
    @Test func backupsBesideWritersNeedRoom() throws {
        func stored(_ workloads: String, rounds: Int) throws -> Double {
            RunNeeds(
                try parts(
                    "[a]\nengine = pmemstore,lmdb\nkeys = 100000\noperations = 100000\nrounds = \(rounds)\n"
                        + "workloads = \(workloads)")
            ).stored
        }
        let alone = try stored("longreader", rounds: 3)
        #expect(try stored("longreader", rounds: 9) == alone)
        #expect(try stored("longreader,backup", rounds: 3) > alone + 2e10)
        #expect(try stored("longreader,backup", rounds: 4) > stored("longreader,backup", rounds: 3))
    }

    @Test func runsThatCannotFitAreRefused() throws {
        let huge = try parts(
            "[a]\nengine = pmemstore\nworkloads = readrandom\nkeys = 4000000000\nvalue-size = 1073741824")
        let scratch = try ScratchDirectory()
        do {
            try RunNeeds(huge).check(Directory(checking: scratch.path))
            Issue.record("nothing was refused")
        } catch {
            #expect("\(error)".contains(scratch.path) && "\(error)".contains("lower --keys"), "\(error)")
        }
        // Space there may be, and no memory.
        let wide = try parts(
            "[a]\nengine = pmemstore\nworkloads = readrandom\nkeys = 4000000000\nthreads = 1024\nkey-size = 8"
        )
        #expect(throws: BenchmarkFailure.self) { try RunNeeds(wide).check(Directory(checking: scratch.path)) }
        let small = try parts("[a]\nengine = pmemstore\nworkloads = readrandom\nkeys = 1000")
        try RunNeeds(small).check(Directory(checking: scratch.path))
    }
}
