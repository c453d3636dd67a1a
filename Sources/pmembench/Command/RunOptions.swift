import ArgumentParser
import Foundation

extension ReportFormat: ExpressibleByArgument {}

/// Options that `run` and `compare` share.
struct RunOptions: ParsableArguments {
    @Option(help: "Number of keys, and of operations; several separated by commas are run in turn.")
    var keys = "1000000"

    @Option(help: "Bytes of a key.")
    var keySize = 16

    @Option(help: "Bytes of a value; several separated by commas are run in turn.")
    var valueSize = "100"

    @Option(help: "Puts per transaction of fillbatch, separated by commas.")
    var batchSize = "1,10,100,1000"

    @Option(help: "Threads that share the operations; several separated by commas are run in turn.")
    var threads = "1"

    @Option(help: "Seed of all random choices: the same seed gives the same operations.")
    var seed: UInt64 = 1

    @Option(help: "Directory to make the stores in; they are removed at the end.")
    var path: String?

    @Option(help: "One in this many transactions is timed for the latencies.")
    var latencySampling = 16

    @Option(help: "Also write the report, as JSON, to this file.")
    var output: String?

    /// Every combination of keys, value size and threads.
    func configurations(rounds: Int, isVolatileMedium: Bool) throws -> [RunParameters] {
        let batchSizes = try ArgumentLists.sizes(batchSize, option: "--batch-size")
        var found: [RunParameters] = []
        for keys in try ArgumentLists.sizes(keys, option: "--keys") {
            for valueSize in try ArgumentLists.sizes(valueSize, option: "--value-size", from: 0) {
                for threads in try ArgumentLists.sizes(threads, option: "--threads") {
                    let parameters = RunParameters(
                        keys: keys, shape: PairShape(keyBytes: keySize, valueBytes: valueSize),
                        batchSizes: batchSizes, threads: threads, rounds: rounds, seed: seed,
                        latencySampling: latencySampling, isVolatileMedium: isVolatileMedium)
                    try parameters.validate()
                    found.append(parameters)
                }
            }
        }
        return found
    }

    /// Runs, reports, and reports what there is when the run is interrupted.
    func execute(
        workloads: [Workload], engines: [EngineName], rounds: Int,
        print: @escaping @Sendable (BenchmarkReport) throws -> Void
    ) throws {
        guard let path else {
            throw BenchmarkFailure(.usage, "--path is missing; name a directory, such as --path /dev/shm")
        }
        for engine in engines where !engine.isBuiltIn { throw engine.notBuiltIn }
        let medium = try Directory(checking: path)
        let configurations = try configurations(rounds: rounds, isVolatileMedium: medium.isVolatile)
        if medium.isVolatile { try Executable.restartWithForcedPersistentMemory() }
        try medium.requireFreeBytes(Self.neededBytes(configurations, engines))
        let record = RunRecord()
        let environment = BenchmarkEnvironment(path: path, engines: engines)
        let output = output
        let publish = { @Sendable (isComplete: Bool) throws in
            let report = BenchmarkReport(
                environment: environment, rows: record.rows, isComplete: isComplete)
            try print(report)
            if let output {
                try JSONReport.text(report).write(toFile: output, atomically: true, encoding: .utf8)
            }
        }
        let workspace = try Workspace(in: path) { try? publish(false) }
        defer { workspace.remove() }
        try BenchmarkRun(
            configurations: configurations, workloads: workloads, engines: engines, workspace: workspace,
            record: record, progress: ProgressLine()
        ).run()
        workspace.ignoreInterruptions()
        try publish(true)
    }

    /// Room for the stores of the largest configuration: each engine's lies there until the run ends.
    private static func neededBytes(_ configurations: [RunParameters], _ engines: [EngineName]) -> Int {
        configurations.map { parameters in
            let pair = parameters.shape.keyBytes + parameters.shape.valueBytes
            return engines.count * ((64 << 20) + 2 * (parameters.keys + parameters.keys / 5) * (pair + 112))
        }.max() ?? 0
    }
}
