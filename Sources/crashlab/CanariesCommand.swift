internal import ArgumentParser
internal import PmemStore
internal import PmemStoreTesting

/// Faults that the lab must notice before anybody believes what it says about the engine.
struct CanariesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "canaries", abstract: "Lets the medium fail in ways that cannot go unnoticed.")

    func run() throws {
        prepareProcess()
        let begun = Clock.wall
        let campaign = try makeCampaign(Canary.scenarios)
        let silences = Canary.all.compactMap { $0.silence(in: campaign) }
        for silence in silences { print("CANARY \(silence)") }
        print(
            "canaries: \(Canary.all.count - silences.count) of \(Canary.all.count) noticed, "
                + "\(Int((Clock.wall - begun) * 1000)) ms")
        if !silences.isEmpty { throw ExitCode.failure }
    }
}
