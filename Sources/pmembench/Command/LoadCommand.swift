import ArgumentParser
import Foundation

struct LoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Loads a text file in transactions, reopens the store and verifies every record.",
        discussion: """
            One record a line: key, tab, value. A line without a tab is a key with its line number as value.
            Of lines with equal keys the last one counts.
            """)

    @Argument(help: "The text file.")
    var file: String

    @Option(
        help: "Directory to make the store in; it is removed at the end. Default: the temporary directory.")
    var path: String?

    @Option(help: "Engine.")
    var engine = EngineName.pmemstore.rawValue

    @Option(help: "Records per transaction.")
    var batchSize = 1

    func run() throws {
        guard let name = try ArgumentLists.engines(engine).first else { return }
        guard batchSize > 0 else {
            throw BenchmarkFailure(.usage, "--batch-size must be at least 1, not \(batchSize)")
        }
        let medium = try Directory(checking: path ?? NSTemporaryDirectory())
        let records = try TextRecords(path: file)
        if medium.isVolatile { try Executable.restartWithForcedPersistentMemory() }
        let workspace = try Workspace(in: medium.path)
        defer { workspace.remove() }
        let report = try name.accept(
            Loader(
                name: name, records: records, batchSize: batchSize, directory: workspace.path,
                isVolatileMedium: medium.isVolatile))
        print(report.text(engine: name))
    }

    private struct Loader: EngineVisitor {
        let name: EngineName
        let records: TextRecords
        let batchSize: Int
        let directory: String
        let isVolatileMedium: Bool

        func visit<Engine: BenchmarkEngine>(_ type: Engine.Type) throws -> LoadReport {
            try LoadJob<Engine>(
                name: name, records: records, batchSize: batchSize, directory: directory,
                isVolatileMedium: isVolatileMedium, progress: ProgressLine()
            ).run()
        }
    }
}
