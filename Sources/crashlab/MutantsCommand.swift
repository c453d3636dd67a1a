internal import ArgumentParser
internal import Glibc
internal import PmemStore
internal import PmemStoreTesting

/// The mutation score of the door to the medium.
struct MutantsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mutants", abstract: "Lets every call through the door go wrong; something must notice.")

    @Option(help: "Only so many, evenly spread; 0: all.") var sample = 0
    @Option(help: "Number of this worker, from 0.") var worker = 0
    @Option(help: "Workers that share the work.") var workers = 1
    @Flag(help: "Prints each mutant.") var verbose = false

    func run() throws {
        prepareProcess()
        let campaign = try MutationCampaign()
        let control = campaign.outcome(nil)
        if let killer = control.killer { throw ValidationError("false alarm [\(killer)]: \(control.detail)") }
        let all = campaign.mutants
        var mutants = all
        if sample > 0, sample < all.count {
            mutants = (0..<sample).map { all[$0 * all.count / sample] }
        }
        var table: [String: Row] = [:]
        var survivors: [MutationCampaign.Outcome] = []
        for (index, mutant) in mutants.enumerated() where index % workers == worker {
            let outcome = campaign.outcome(mutant) { UInt64(Clock.wall * 1e9) }
            if verbose { print(Self.line(outcome)) }
            fflush(nil)
            table[mutant.operator.rawValue, default: Row()].add(outcome)
            if outcome.killer == nil, outcome.strikes > 0 { survivors.append(outcome) }
        }
        Self.report(table, survivors)
        if !survivors.isEmpty { throw ExitCode.failure }
    }

    struct Row {
        var count = 0
        var killed: [CrashFailure.Rung: Int] = [:]
        var survived = 0
        var idle = 0
        var nanoseconds: [UInt64] = []

        mutating func add(_ outcome: MutationCampaign.Outcome) {
            count += 1
            if let killer = outcome.killer {
                killed[killer, default: 0] += 1
                nanoseconds.append(outcome.nanoseconds)
            } else if outcome.strikes == 0 {
                idle += 1
            } else {
                survived += 1
            }
        }
    }

    private static func line(_ outcome: MutationCampaign.Outcome) -> String {
        let end = outcome.killer.map { "killed [\($0)] \(outcome.detail.suffix(90))" } ?? "SURVIVED"
        return
            "\(outcome.mutation), \(outcome.strikes) strikes, \(outcome.nanoseconds / 1_000_000) ms: \(end)"
    }

    private static func report(
        _ table: [String: Row], _ survivors: [MutationCampaign.Outcome]
    ) {
        print("| operator | mutants | door | cut | nested | use | live | cost | survived | never struck |")
        print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
        for (name, row) in table.sorted(by: { $0.key < $1.key }) {
            let rungs: [CrashFailure.Rung] = [.door, .cut, .nested, .use, .live, .cost]
            let cells = rungs.map { String(row.killed[$0] ?? 0) }.joined(separator: " | ")
            print("| \(name) | \(row.count) | \(cells) | \(row.survived) | \(row.idle) |")
        }
        let times = table.values.flatMap(\.nanoseconds).sorted()
        let killed = times.count
        let median = times.isEmpty ? 0 : times[times.count / 2] / 1_000_000
        let total = table.values.reduce(0) { $0 + $1.count }
        print(
            "MUTANTS \(total), \(killed) killed, median \(median) ms, at most "
                + "\((times.last ?? 0) / 1_000_000) ms, \(survivors.count) survived")
        for outcome in survivors {
            print("survived: \(outcome.mutation)")
        }
    }
}
