import ArgumentParser
import Foundation

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs workloads on engines, round by round in turn, and reports the median rounds.",
        discussion: """
            Workloads: \(Workload.allCases.map(\.rawValue).joined(separator: ", ")).
            Engines: \(EngineName.allCases.map(\.rawValue).joined(separator: ", ")).
            Only fillbatch uses --batch-size; every other write is a transaction of its own.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case table, json
    }

    @Argument(help: "Workloads, separated by commas.")
    var workloads: String

    @Option(help: "Engines, separated by commas.")
    var engine = "pmemstore,libpmemobj"

    @Option(help: "Number of keys, and of operations.")
    var keys = 1_000_000

    @Option(help: "Bytes of a key.")
    var keySize = 16

    @Option(help: "Bytes of a value.")
    var valueSize = 100

    @Option(help: "Puts per transaction of fillbatch, separated by commas.")
    var batchSize = "1,10,100,1000"

    @Option(help: "Threads that share the operations.")
    var threads = 1

    @Option(help: "Rounds; a row is the median one.")
    var rounds = 3

    @Option(help: "Seed of all random choices.")
    var seed: UInt64 = 1

    @Option(help: "Directory to make the stores in; they are removed at the end.")
    var path: String?

    @Option(help: "One in this many transactions is timed for the latencies.")
    var latencySampling = 16

    @Option(help: "table, or json: one array on standard output and nothing else.")
    var format = Format.table

    func run() throws {
        let workloads = try ArgumentLists.workloads(workloads)
        let engines = try ArgumentLists.engines(engine)
        let batchSizes = try ArgumentLists.sizes(batchSize, option: "--batch-size")
        guard let path else {
            throw BenchmarkFailure(.usage, "--path is missing; name a directory, such as --path /dev/shm")
        }
        let medium = try Directory(checking: path)
        let parameters = RunParameters(
            keys: keys, shape: PairShape(keyBytes: keySize, valueBytes: valueSize), batchSizes: batchSizes,
            threads: threads, rounds: rounds, seed: seed, latencySampling: latencySampling,
            isVolatileMedium: medium.isVolatile)
        try parameters.validate()
        if medium.isVolatile { try Executable.restartWithForcedPersistentMemory() }
        let options = parameters.engineOptions(isConcurrent: false, elidesFences: false)
        try medium.requireFreeBytes(engines.count * PmemobjEngine.poolBytes(for: options))
        let workspace = try Workspace(in: path)
        defer { workspace.remove() }
        let rows = try BenchmarkRun(
            parameters: parameters, workloads: workloads, engines: engines, workspace: workspace,
            progress: ProgressLine()
        ).rows()
        print(try report(rows))
    }

    private func report(_ rows: [BenchmarkRow]) throws -> String {
        switch format {
        case .json: return try JSONReport.text(rows)
        case .table: return MachineReport.text(path: path ?? "") + "\n\n" + TableReport.text(rows)
        }
    }
}
