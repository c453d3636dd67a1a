import Foundation
import Testing

@testable import pmembench

/// The workload that needs a process of its own, which fills a log and kills itself.
@Suite struct OpenKilledTests {
    @Test(arguments: ["pmemstore", "libpmemobj"])
    func whatKilledProcessesLeftIsOpenedAndChecked(engine: String) throws {
        let scratch = try ScratchDirectory()
        let run = Process()
        let output = Pipe()
        run.executableURL = try Self.pmembench()
        run.arguments = [
            "run", "open_killed", "--engine", engine, "--keys", "3000", "--rounds", "2", "--seed", "5",
            "--path", scratch.path, "--format", "json",
        ]
        run.standardOutput = output
        run.standardError = FileHandle.nullDevice
        try run.run()
        let json = try #require(try output.fileHandleForReading.readToEnd())
        run.waitUntilExit()
        #expect(run.terminationStatus == 0)
        let rows = try JSONDecoder().decode([BenchmarkRow].self, from: json)
        #expect(rows.map(\.benchmark) == ["open_killed"])
        let row = try #require(rows.first)
        #expect(row.keys == 3000 && row.operationsPerSecond > 0)
        // Every opening of both rounds was timed.
        #expect(row.latency?.count == 40)
        #expect(row.samples.map(\.operations) == [20, 20])
    }

    /// The program beside the tests.
    static func pmembench() throws -> URL {
        URL(fileURLWithPath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
            .deletingLastPathComponent().appending(path: "pmembench")
    }

    // MARK: In this process

    /// What the process would do, on an engine of the tests; `claimed` is added to the writes that it did.
    private func leaveKilled(
        _ victim: KilledWriter, _ type: FaultyEngine<RightStore>.Type, claimed: Int
    ) throws -> Int {
        let options = victim.parameters.engineOptions(victim.engine, threads: 1)
        let store =
            victim.loads
            ? type.create(in: victim.directory, options: options)
            : type.open(in: victim.directory, options: options)
        if victim.loads { try EngineSession.load(store, victim.parameters, seed: victim.seed) }
        let writes = try victim.fillLog(store)
        store.close()
        return writes + claimed
    }

    private func open(claimed: Int) throws -> RoundResult {
        let scratch = try ScratchDirectory()
        let session = EngineSession<FaultyEngine<RightStore>>(
            name: .pmemstore, parameters: .small(), directory: scratch.path + "/engine")
        session.leaveKilled = { try leaveKilled($0, FaultyEngine<RightStore>.self, claimed: claimed) }
        return try session.round(BenchmarkCase(workload: .openKilled), seed: 3)
    }

    @Test func aRoundOpensManyTimes() throws {
        let result = try open(claimed: 0)
        #expect(result.operations == 20)
        #expect(result.timing.latency(of: .open)?.summary?.count == 20)
    }

    /// Writes that the process was told are done must be there.
    @Test func lostWritesAreNoticed() {
        let failure = #expect(throws: BenchmarkFailure.self) { try open(claimed: 3) }
        #expect(failure?.description.contains("whose last write was lost") == true)
    }
}

private enum RightStore: EngineFault { static var fault: Fault { .none } }
