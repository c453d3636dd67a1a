import Foundation
import Testing

/// The workload that needs a process of its own, which fills a store and kills itself.
@Suite struct OpenKilledTests {
    @Test(arguments: ["pmemstore", "libpmemobj"])
    func whatAKilledProcessLeftIsOpenedAndChecked(engine: String) throws {
        let scratch = try ScratchDirectory()
        let run = Process()
        let output = Pipe()
        run.executableURL = URL(
            fileURLWithPath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        )
        .deletingLastPathComponent().appending(path: "pmembench")
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
        let rows = try #require(try JSONSerialization.jsonObject(with: json) as? [[String: Any]])
        #expect(rows.map { $0["benchmark"] as? String } == ["open_killed"])
        #expect(
            rows.allSatisfy { $0["keys"] as? Int == 3000 && ($0["operationsPerSecond"] as? Double ?? 0) > 0 })
    }
}
