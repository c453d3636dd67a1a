import ArgumentParser

struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Compares the first engine with the others, round by round on one file system.",
        discussion: """
            Within a round the engines take turns, and the one that begins changes from round to round. \
            Ratios are paired by round: \
            geometric mean, 95 % interval of Student's t for the mean of the logarithms.
            With --plan, a file says what is run: a section for each part, with these options as keys. \
            With --resume, what the file of --output has of the same plan, commit and machine is kept.
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

    @Option(help: "File of parts to be run for one report, such as Benchmarks/figures.cfg.")
    var plan: String?

    @Option(help: "Parts of the plan, separated by commas. Default: all.")
    var parts: String?

    @Flag(help: "Go on with the run whose report is in the file of --output.")
    var resume = false

    @Option(help: "Fraction of the plan's keys and operations, to try it out: 0.01.")
    var fraction = 1.0

    @OptionGroup var options: RunOptions

    func run() throws {
        let format = format
        guard plan != nil || parts == nil && fraction == 1 else {
            throw BenchmarkFailure(.usage, "--parts and --fraction are of a plan; name one by --plan")
        }
        try options.execute(resumes: resume) { report in
            print(try report.text(format))
        } parts: { isVolatileMedium in
            guard let plan else { return [try part(isVolatileMedium)] }
            return try RunPlan(
                path: plan, chosen: parts?.split(separator: ",").map(String.init), fraction: fraction,
                isVolatileMedium: isVolatileMedium
            ).parts
        }
    }

    private func part(_ isVolatileMedium: Bool) throws -> RunPart {
        let engines = try ArgumentLists.engines(engine)
        guard engines.count > 1 else {
            throw BenchmarkFailure(.usage, "--engine must name at least two engines to compare")
        }
        return RunPart(
            workloads: try ArgumentLists.workloads(workloads), engines: engines,
            configurations: try options.configurations(rounds: rounds, isVolatileMedium: isVolatileMedium))
    }
}
