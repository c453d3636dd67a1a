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
        switch name {
        case .pmemstore:
            try KilledLoader.loadAndDie(PmemStoreEngine.self, directory: directory, parameters: parameters)
        case .libpmemobj:
            try KilledLoader.loadAndDie(PmemobjEngine.self, directory: directory, parameters: parameters)
        }
    }
}
