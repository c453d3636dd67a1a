import ArgumentParser
import Foundation

extension ReportFormat: ExpressibleByArgument {}

/// Options that `run` and `compare` share.
struct RunOptions: ParsableArguments {
    @Option(help: "Number of keys, and of operations; several separated by commas are run in turn.")
    var keys = "1000000"

    @Option(help: "Operations of a round on a full store. Default: as many as keys.")
    var operations: Int?

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

    @Option(help: "One in this many transactions, by chance, is timed for the latencies.")
    var latencySampling = 16

    @Option(help: "Also write the report, as JSON, to this file, after every workload.")
    var output: String?

    /// Every combination of keys, value size and threads.
    func configurations(rounds: Int, isVolatileMedium: Bool) throws -> [RunParameters] {
        let settings = RunSettings(
            keys: keys, operations: operations, keySize: keySize, valueSize: valueSize, batchSize: batchSize,
            threads: threads, seed: seed, latencySampling: latencySampling)
        return try settings.configurations(rounds: rounds, isVolatileMedium: isVolatileMedium)
    }

    /// Runs, reports, and reports what there is when the run is interrupted.
    ///
    /// - Parameter resumes: Keep what the file of `--output` has of the same plan, commit and machine.
    func execute(
        resumes: Bool = false, print: @escaping @Sendable (BenchmarkReport) throws -> Void,
        parts: (_ isVolatileMedium: Bool) throws -> [RunPart]
    ) throws {
        guard let path else {
            throw BenchmarkFailure(.usage, "--path is missing; name a directory, such as --path /dev/shm")
        }
        let medium = try Directory(checking: path)
        let parts = try parts(medium.isVolatile)
        let engines = EngineName.allCases.filter { name in parts.contains { $0.engines.contains(name) } }
        for engine in engines where !engine.isBuiltIn { throw engine.notBuiltIn }
        if medium.isVolatile { try Executable.restartWithForcedPersistentMemory() }
        try RunNeeds(parts).check(medium)
        var environment = BenchmarkEnvironment(path: path, engines: engines)
        let earlier = try resumes ? EarlierReport(for: output, in: environment) : nil
        if let earlier { environment.date = earlier.environment.date }
        let record = RunRecord(earlier: earlier?.rows ?? [])
        let publication = Publication(environment: environment, record: record, output: output, print: print)
        let workspace = try Workspace(in: path) {
            let work = record.work
            Diagnostics.write("interrupted: \(work); what was measured is reported")
            try? publication.publish(interruption: work)
        }
        defer { workspace.remove() }
        do {
            try BenchmarkRun(
                parts: parts, workspace: workspace, record: record, progress: ProgressLine(),
                save: { try publication.save(interruption: "after " + record.work) }
            ).run()
        } catch {
            Interruption.waitIfUnderWay()
            // The figures of before were checked; the file says where it ended.
            try? publication.save(interruption: "\(record.work): \(error)")
            throw error
        }
        workspace.ignoreInterruptions()
        try publication.publish(interruption: nil)
    }
}

/// Where the report of a run goes.
struct Publication: Sendable {
    let environment: BenchmarkEnvironment
    let record: RunRecord
    let output: String?
    let print: @Sendable (BenchmarkReport) throws -> Void

    /// Prints and saves.
    func publish(interruption: String?) throws {
        try print(report(interruption))
        try save(interruption: interruption)
    }

    /// Writes the file of `--output`, if there is to be one.
    func save(interruption: String?) throws {
        guard let output else { return }
        do {
            try JSONReport.text(report(interruption)).write(toFile: output, atomically: true, encoding: .utf8)
        } catch {
            throw BenchmarkFailure(.failure, "cannot write \(output): \(error.localizedDescription)")
        }
    }

    private func report(_ interruption: String?) -> BenchmarkReport {
        BenchmarkReport(
            environment: environment, rows: record.rows, interruption: interruption,
            missingParts: record.missingParts.filter { !$0.isEmpty })
    }
}
