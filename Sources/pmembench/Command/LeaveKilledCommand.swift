import ArgumentParser

/// The process that `open_killed` kills; not for people.
struct LeaveKilledCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: KilledLoader.subcommand, abstract: "Loads a store and kills itself.",
        shouldDisplay: false)

    @Option var engine: String
    @Option var directory: String
    @Option var keys: Int
    @Option var keySize: Int
    @Option var valueSize: Int
    @Option var seed: UInt64

    func run() throws {
        let medium = try Directory(checking: directory)
        let parameters = RunParameters(
            keys: keys, shape: PairShape(keyBytes: keySize, valueBytes: valueSize), batchSizes: [1],
            threads: 1,
            rounds: 1, seed: seed, latencySampling: 16, isVolatileMedium: medium.isVolatile)
        try parameters.validate()
        guard let name = try ArgumentLists.engines(engine).first else { return }
        try name.accept(Loader(name: name, directory: directory, parameters: parameters))
    }

    private struct Loader: EngineVisitor {
        let name: EngineName
        let directory: String
        let parameters: RunParameters

        func visit<Engine: BenchmarkEngine>(_ type: Engine.Type) throws {
            try KilledLoader.loadAndDie(type, engine: name, directory: directory, parameters: parameters)
        }
    }
}
