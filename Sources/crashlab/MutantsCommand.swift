internal import ArgumentParser
internal import Glibc
internal import PmemStore
internal import PmemStoreTesting

/// The mutation score of the door to the medium.
struct MutantsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mutants", abstract: "Lets every call through the door go wrong; something must notice.")

    @Option(help: "Only so many, evenly spread; 0: all.") var sample = 0
    @Option(help: "Two at the same time: so many pairs, 0: all.") var pairs: Int?
    @Option(help: "Which pairs are drawn.") var seed: UInt64 = 1
    @Option(help: "Number of this worker, from 0.") var worker = 0
    @Option(help: "Workers that share the work.") var workers = 1
    @Flag(help: "Prints each mutant.") var verbose = false
    @Option(help: "Only mutants whose description contains this.") var only = ""
    @Flag(help: "Without the audit of the door: only crashes and costs can notice.") var unaudited = false

    func validate() throws {
        try checkShare(worker: worker, workers: workers)
        try checkPairs(pairs, sample: sample)
    }

    func run() throws {
        prepareProcess()
        let campaign = try makeCampaign(MutationScenario.all)
        let sites = SourceSites()
        if let pairs { return try judge(campaign.pairs(count: pairs, seed: seed), campaign, sites) }
        let all = campaign.mutants.filter { only.isEmpty || $0.description.contains(only) }
        var mutants = all
        if sample > 0, sample < all.count {
            mutants = (0..<sample).map { all[$0 * all.count / sample] }
        }
        var (killed, open, proved) = ([UInt64](), 0, 0)
        for (index, mutant) in mutants.enumerated() where index % workers == worker {
            let outcome = outcome([mutant], campaign)
            switch outcome.result {
            case .killed: killed.append(outcome.nanoseconds)
            case .equivalent: proved += 1
            case .survived, .neverStruck, .wronglyProved: open += 1
            }
            tell(outcome, name: Self.words(mutant, sites).joined(separator: " "))
        }
        killed.sort()
        let (median, most) = (killed.isEmpty ? 0 : killed[killed.count / 2], killed.last ?? 0)
        print(
            "mutants: \(killed.count) killed, median \(median / 1_000_000) ms, at most \(most / 1_000_000) ms; "
                + "\(proved) equivalent, \(open) open")
        if open > 0 { throw ExitCode.failure }
    }

    private func judge(
        _ sample: PairSample<(mutation: MediumMutation, site: MutationCampaign.Site)>,
        _ campaign: MutationCampaign, _ sites: SourceSites
    ) throws {
        let pairs = sample.pairs.map { [$0.first.mutation, $0.second.mutation] }.map { pair in
            (
                pair: pair,
                name: pair.map { Self.words($0, sites).joined(separator: "/") }.joined(separator: "+")
            )
        }.filter { only.isEmpty || $0.name.contains(only) }
        try checkFilter(only, leaves: pairs.count)
        var score = PairScore(available: sample.available)
        for (index, (pair, name)) in pairs.enumerated() where index % workers == worker {
            let outcome = outcome(pair, campaign)
            score.enter(
                milliseconds: Int(outcome.nanoseconds / 1_000_000), isKilled: outcome.result == .killed,
                isJoint: outcome.strikes.allSatisfy { $0 > 0 })
            tell(outcome, name: name)
        }
        try score.close()
    }

    private func outcome(
        _ mutations: [MediumMutation], _ campaign: MutationCampaign
    ) -> MutationCampaign.Outcome {
        campaign.outcome(mutations, isAudited: !unaudited) { UInt64(Clock.wall * 1e9) }
    }

    /// As `scripts/mutant-report` reads it.
    private func tell(_ outcome: MutationCampaign.Outcome, name: String) {
        print(
            "MUTANT", name, outcome.result, outcome.killer?.rawValue ?? "none",
            outcome.nanoseconds / 1_000_000)
        if verbose, outcome.killer != nil { print("  \(outcome.detail)") }
        fflush(nil)
    }

    private static func words(_ mutant: MediumMutation, _ sites: SourceSites) -> [String] {
        let name = mutant.site.map { sites.name($0) } ?? "0"
        let place = name.split(separator: "/" as Character).last.map(String.init) ?? name
        return ["\(mutant.role)", "\(mutant.kind)", place, "\(mutant.operator)", "\(mutant.period)"]
    }
}

/// - Throws: where the engine itself fails in a scenario.
func makeCampaign(_ scenarios: [MutationScenario]) throws -> MutationCampaign {
    do {
        return try MutationCampaign(scenarios: scenarios)
    } catch let alarm as MutationCampaign.FalseAlarm {
        throw ValidationError("the unmutated engine fails: \(alarm.failure)")
    }
}

/// The mutants that are the same program as the engine, with the reasons.
struct EquivalentsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "equivalents", abstract: "Lists the mutants that are proved to change nothing.")

    func run() {
        for mutant in EquivalentMutant.all {
            print(
                "* `\(mutant.operator)`, \(mutant.role) \(mutant.kind) to the \(mutant.region): \(mutant.reason)"
            )
        }
    }
}
