import ArgumentParser

struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Compares the first engine with the others, round by round on one file system.",
        discussion: """
            Within a round the engines take turns, and the one that begins changes from round to round. \
            Ratios are paired by round: \
            geometric mean, 95 % interval of Student's t for the mean of the logarithms.
            Engines: \(EngineName.builtIn.map(\.rawValue).joined(separator: ", ")).
            """)

    /// All but those that are long, or that only one engine can run.
    static let defaultWorkloads: [Workload] = Workload.allCases.filter {
        ![.churn, .durabilitytax, .openKilled].contains($0)
    }

    @Option(help: "Workloads, separated by commas.")
    var workloads = Self.defaultWorkloads.map(\.rawValue).joined(separator: ",")

    @Option(help: "Engines, separated by commas. Default: all that are built in.")
    var engine = EngineName.builtIn.map(\.rawValue).joined(separator: ",")

    @Option(help: "Rounds, at least 2 for an interval.")
    var rounds = 5

    @Option(help: "table, json, csv, ycsb or pmdk.")
    var format = ReportFormat.table

    @OptionGroup var options: RunOptions

    func run() throws {
        let engines = try ArgumentLists.engines(engine)
        guard engines.count > 1 else {
            throw BenchmarkFailure(.usage, "--engine must name at least two engines to compare")
        }
        let format = format
        try options.execute(
            workloads: ArgumentLists.workloads(workloads), engines: engines, rounds: rounds
        ) { report in
            print(try report.text(format))
        }
    }
}
