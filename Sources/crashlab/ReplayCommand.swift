internal import ArgumentParser
internal import PmemStore
internal import PmemStoreTesting

/// Repeats what a token names, and says which stores were there and which were not.
struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Repeats a failure by its token.")

    @Argument(help: "As a failure printed it: pms1:...") var token: String

    func run() throws {
        prepareProcess()
        guard let token = ReplayToken(token) else {
            throw ValidationError("'\(token)' is no token: pms1:...")
        }
        var plan = CrashPlan.flat
        plan.use = 1
        plan.faults = .max
        let run = try token.workload.makeRun(plan: plan, depth: 3)
        run.explorer.target = token.path
        try token.workload.run(on: run)
        for failure in run.failures { print(failure.text) }
        for line in run.explorer.explanation { print("  \(line)") }
        print(run.failures.isEmpty ? "no failure" : "\(run.failures.count) failures")
    }
}

/// The calls through the door, by kind, role and line.
struct SitesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sites", abstract: "Lists the calls through the door to the medium.")

    func run() throws {
        prepareProcess()
        for site in try MutationCampaign().sites { print("\(site.role) \(site.kind) line \(site.line)") }
    }
}
