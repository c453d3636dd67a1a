internal import ArgumentParser
internal import PmemStore
internal import PmemStoreTesting

/// Repeats what a token names, and says which stores were there and which were not.
struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Repeats a failure by its token.")

    @Argument(help: "As a failure printed it: pms1:...") var token: String
    @Option(help: "A fault of the medium: role/kind/line/operator/period; line 0: everywhere.")
    var mutant: String?
    @Flag(help: "Says as well which stores were there and which were not.") var verbose = false

    func run() throws {
        prepareProcess()
        guard let token = ReplayToken(token) else {
            throw ValidationError("'\(token)' is no token: pms1:...")
        }
        let analyst = try FailureAnalyst(
            token.workload, depth: token.depth, mutation: try mutation(), isAudited: mutant == nil)
        guard let failure = try analyst.replay(token.path) else {
            print("no failure")
            return
        }
        if verbose { for line in analyst.explanation { print("  \(line)") } }
        print(try analyst.analyse(token.path).map { "\($0)" } ?? failure.text)
        throw ExitCode.failure
    }

    private func mutation() throws -> MediumMutation? {
        guard let mutant else { return nil }
        guard let mutation = MediumMutation(text: mutant) else {
            throw ValidationError("'\(mutant)' is no mutant: writer/drain/Commit.swift:32/dropDrain/1")
        }
        return mutation
    }
}

/// The calls through the door, by kind, role and place.
struct SitesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sites", abstract: "Lists the calls through the door to the medium.")

    func run() throws {
        prepareProcess()
        let sources = SourceSites()
        for site in try MutationCampaign().sites {
            print("\(site.role) \(site.kind) \(sources.name(site.source))")
        }
    }
}
