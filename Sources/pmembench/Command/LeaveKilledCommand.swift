import ArgumentParser

/// The process that `open_killed` kills; not for people.
struct LeaveKilledCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: KilledWriter.subcommand, abstract: "Fills the log of a store and kills itself.",
        shouldDisplay: false)

    @Option var engine: String
    @Option var directory: String
    @Option var keys: Int
    @Option var keySize: Int
    @Option var valueSize: Int
    @Option var seed: UInt64
    @Option var round: Int
    @Flag var loads = false

    func run() throws {
        let medium = try Directory(checking: directory)
        let parameters = RunParameters(
            keys: keys, shape: PairShape(keyBytes: keySize, valueBytes: valueSize), batchSizes: [1],
            threads: 1, rounds: 1, seed: seed, latencySampling: 16, isVolatileMedium: medium.isVolatile)
        try parameters.validate()
        guard let name = try ArgumentLists.engines(engine).first else { return }
        guard round >= 0, round <= WriteAudit.mostRounds else {
            throw BenchmarkFailure(.usage, "--round must be from 0 to \(WriteAudit.mostRounds), not \(round)")
        }
        try name.accept(
            Death(
                writer: KilledWriter(
                    engine: name, directory: directory, parameters: parameters, seed: seed, round: round,
                    loads: loads)))
    }

    private struct Death: EngineVisitor {
        let writer: KilledWriter

        func visit<Engine: BenchmarkEngine>(_ type: Engine.Type) throws { try writer.writeAndDie(type) }
    }
}
