import ArgumentParser

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs workloads on engines, round by round in turn, and reports the median rounds.",
        discussion: """
            Workloads: \(Workload.allCases.map(\.rawValue).joined(separator: ", ")).
            Engines: \(EngineName.builtIn.map(\.rawValue).joined(separator: ", ")).
            Only fillbatch uses --batch-size; every other write is a transaction of its own.
            """)

    @Argument(help: "Workloads, separated by commas.")
    var workloads: String

    @Option(help: "Engines, separated by commas.")
    var engine = "pmemstore,libpmemobj"

    @Option(help: "Rounds; a row is the median one.")
    var rounds = 3

    @Option(help: "table, csv, ycsb, pmdk, or json: one array on standard output and nothing else.")
    var format = ReportFormat.table

    @OptionGroup var options: RunOptions

    func run() throws {
        let format = format
        try options.execute { report in
            print(format == .json ? try JSONReport.text(report.rows) : try report.text(format))
        } parts: { isVolatileMedium in
            [
                RunPart(
                    workloads: try ArgumentLists.workloads(workloads),
                    engines: try ArgumentLists.engines(engine),
                    configurations: try options.configurations(
                        rounds: rounds, isVolatileMedium: isVolatileMedium))
            ]
        }
    }
}
