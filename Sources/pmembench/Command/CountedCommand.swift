import ArgumentParser
import Foundation

/// Work of which a tool like callgrind counts the instructions; not for people. `scripts/instructions` runs it.
struct CountedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "counted", abstract: "Does some operations in a function that a tool can find.",
        shouldDisplay: false)

    enum Operation: String, ExpressibleByArgument {
        case get, put, multiget
    }

    @Argument var operation: Operation
    @Option var engine = EngineName.pmemstore.rawValue
    @Option var path: String
    @Option var keys = 10_000
    @Option var operations = 2000

    func validate() throws {
        guard operations >= 0 else { throw ValidationError("--operations must not be negative") }
    }

    func run() throws {
        let medium = try Directory(checking: path)
        guard let name = try ArgumentLists.engines(engine).first else { return }
        let parameters = RunParameters(
            keys: keys, shape: PairShape(keyBytes: 16, valueBytes: 100), batchSizes: [1], threads: 1,
            rounds: 1,
            seed: 1, latencySampling: 1, isVolatileMedium: medium.isVolatile)
        try parameters.validate()
        let workspace = try Workspace(in: medium.path)
        defer { workspace.remove() }
        try name.accept(
            Counted(
                name: name, parameters: parameters, directory: workspace.path + "/store",
                operation: operation,
                operations: operations))
    }
}

private struct Counted: EngineVisitor {
    let name: EngineName
    let parameters: RunParameters
    let directory: String
    let operation: CountedCommand.Operation
    let operations: Int

    func visit<Engine: BenchmarkEngine>(_ type: Engine.Type) throws {
        let session = EngineSession<Engine>(name: name, parameters: parameters, directory: directory)
        let engine = try session.fullStore(threads: 1, seed: 1)
        let numbers = UniformNumbers(below: UInt64(parameters.keys), seed: 2)
        switch operation {
        case .get:
            var step = GetStep(engine: engine, numbers: numbers, shape: parameters.shape)
            try countedOperations(&step, operations)
            try session.expectRight([step], operations, "gets")
        case .put:
            var step = PutStep(engine: engine, numbers: numbers, shape: parameters.shape, kind: .update)
            try countedOperations(&step, operations)
            try session.expect(engine.count(), parameters.keys, "pairs")
        case .multiget:
            let width = Workload.keysPerMultiGet
            var step = MultiGetStep(
                engine: engine, numbers: numbers, shape: parameters.shape, keysPerCall: width)
            try countedOperations(&step, operations / width)
            try session.expectRight([step], operations / width * width, "gets of many keys")
        }
        try session.finish()
    }
}

/// The function that the tool looks for, by this name.
@inline(never)
private func countedOperations<Step: WorkStep>(_ step: inout Step, _ count: Int) throws {
    for _ in 0..<count { try step.perform() }
}
