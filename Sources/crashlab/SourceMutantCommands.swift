internal import ArgumentParser
internal import Glibc
internal import PmemStoreTesting
internal import SourceMutants

// Mutants of the engine's source: `make source-mutants` weaves them into a copy, builds that once, and judges.

/// Makes the copy of the package in which every source mutant can be switched on.
struct WeaveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weave", abstract: "Copies a package with all source mutants in it.")

    @Argument(help: "Directory of the package.") var package: String
    @Argument(help: "Where the copy goes.") var target: String

    func run() throws {
        let woven = try WovenPackage(root: package)
        try woven.copy(to: target)
        print("\(woven.catalogue.mutants.count) source mutants of \(woven.catalogue.classes.count) classes")
    }
}

/// Judges the source mutants that the lab judges. Only of a copy that `weave` has made.
struct SourceMutantsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "source-mutants", abstract: "Switches source mutants on, one after the other.")

    @Argument(help: "Directory of the package; for pairs the one that was woven.") var package: String
    @Option(help: "Two at the same time: so many pairs, 0: all.") var pairs: Int?
    @Option(help: "Which pairs are drawn.") var seed: UInt64 = 1
    @Option(help: "Number of this worker, from 0.") var worker = 0
    @Option(help: "Workers that share the work.") var workers = 1
    @Option(help: "Only mutants whose name contains this.") var only = ""
    @Option(help: "Seconds of processor time for each mutant.") var limit: UInt32 = 300
    @Flag(help: "Prints what noticed each.") var verbose = false

    func validate() throws {
        try checkShare(worker: worker, workers: workers)
        try checkPairs(pairs)
    }

    func run() throws {
        prepareProcess()
        let woven = try WovenPackage(root: package)
        let sample = try pairs.map { try SourcePairs(woven).sample(count: $0, seed: seed) }
        let court = MutantCourt(campaign: try makeCampaign(MutationScenario.all), limit: limit)
        // What the engine itself cannot pass says nothing about its mutants.
        let engine = try court.judge([])
        if let killer = engine.killer {
            throw ValidationError("the engine fails [\(killer)]: \(engine.detail)")
        }
        print("the engine itself: nothing found in \(engine.milliseconds) ms")
        if let sample { return try judge(sample, court) }
        let mutants = woven.catalogue.mutants.filter {
            $0.isJudgedByLab && (only.isEmpty || $0.name.contains(only))
        }
        for (index, mutant) in mutants.enumerated() where index % workers == worker {
            try judge([mutant], court)
        }
    }

    /// One mutant, or two at the same time.
    @discardableResult
    private func judge(_ mutants: [SourceMutant], _ court: MutantCourt) throws -> MutantCourt.Sentence {
        let sentence = try court.judge(
            mutants.map(\.number), isNeedless: mutants.allSatisfy { $0.judge == .budget })
        print(
            MutantReport.Verdict(
                name: mutants.map(\.name).joined(separator: "+"), killer: sentence.killer,
                isUnfinished: sentence.isUnfinished, milliseconds: sentence.milliseconds
            ).line)
        if verbose { print("  \(sentence.detail)") }
        fflush(nil)
        return sentence
    }

    private func judge(_ sample: PairSample<SourceMutant>, _ court: MutantCourt) throws {
        let pairs = sample.pairs.map { [$0.first, $0.second] }.filter { pair in
            only.isEmpty || pair.contains { $0.name.contains(only) }
        }
        try checkFilter(only, leaves: pairs.count)
        var score = PairScore(available: sample.available)
        for (index, pair) in pairs.enumerated() where index % workers == worker {
            let sentence = try judge(pair, court)
            score.enter(milliseconds: sentence.milliseconds, isKilled: sentence.killer != nil)
        }
        try score.close()
    }
}

extension SourceMutant {
    var isJudgedByLab: Bool { judge == .lab || judge == .budget }
}

/// The source mutants that tests judge: number, name, filter of the tests.
struct TestedMutantsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tested-mutants", abstract: "Lists the source mutants that tests judge.")

    @Argument(help: "Directory of the package.") var package: String
    @Option(help: "Only mutants whose name contains this.") var only = ""

    func run() throws {
        for mutant in try WovenPackage(root: package).catalogue.mutants {
            guard case .tests(let filter) = mutant.judge, only.isEmpty || mutant.name.contains(only)
            else { continue }
            print(mutant.number, mutant.name, filter)
        }
    }
}

/// Makes docs/source-mutants.md of the verdicts on standard input.
struct SourceReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "source-report", abstract: "Makes the document of what the judges have printed.")

    @Argument(help: "Directory of the package.") var package: String
    @Argument(help: "The document.") var document: String

    func run() throws {
        var verdicts: [MutantReport.Verdict] = []
        while let line = readLine() { MutantReport.Verdict(line: line).map { verdicts.append($0) } }
        let report = try MutantReport(
            catalogue: WovenPackage(root: package).catalogue, verdicts: verdicts)
        try TextFile.write(Array(report.markdown.utf8), to: document)
        print(report.summary)
        for surprise in report.surprises { print("SURPRISE \(surprise)") }
        if !report.surprises.isEmpty { throw ExitCode.failure }
    }
}
