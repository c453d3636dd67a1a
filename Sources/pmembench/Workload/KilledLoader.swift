import Foundation

/// A process that fills a store, brings its log to its fullest, and kills itself.
enum KilledLoader {
    /// Name of the hidden subcommand that the child runs.
    static let subcommand = "leave-killed"

    /// Runs the child and makes sure that it died as it should.
    static func run(engine: EngineName, directory: String, parameters: RunParameters, seed: UInt64) throws {
        let child = Process()
        child.executableURL = URL(fileURLWithPath: try Executable.path())
        child.arguments = [
            subcommand, "--engine", engine.rawValue, "--directory", directory, "--keys",
            String(parameters.keys),
            "--key-size", String(parameters.shape.keyBytes), "--value-size",
            String(parameters.shape.valueBytes),
            "--seed", String(seed),
        ]
        child.standardOutput = FileHandle.nullDevice
        try child.run()
        child.waitUntilExit()
        guard child.terminationReason == .uncaughtSignal, child.terminationStatus == SIGKILL else {
            throw BenchmarkFailure(
                .failure,
                "\(engine.rawValue): the child to be killed ended with status \(child.terminationStatus)"
            )
        }
    }

    /// The child's work. Does not return.
    static func loadAndDie<Engine: BenchmarkEngine>(
        _ type: Engine.Type, engine name: EngineName, directory: String, parameters: RunParameters
    ) throws -> Never {
        let options = parameters.engineOptions(name, threads: 1)
        let engine = try Engine.create(in: directory, options: options)
        try EngineSession<Engine>.load(engine, parameters, seed: parameters.seed)
        try fillLog(engine, parameters)
        kill(getpid(), SIGKILL)
        fatalError("SIGKILL returned")
    }

    /// Overwrites random keys one by one until the log is as full as it was seen to get, or for a while at most.
    private static func fillLog<Engine: BenchmarkEngine>(_ engine: Engine, _ parameters: RunParameters) throws
    {
        let numbers = UniformNumbers(below: UInt64(parameters.keys), seed: ~parameters.seed)
        var step = PutStep(engine: engine, numbers: numbers, shape: parameters.shape, kind: .update)
        guard engine.logFill != nil else {
            for _ in 0..<min(parameters.keys, 100_000) { try step.perform() }
            return
        }
        var peak: UInt64 = 0
        var drops = 0
        var previous: UInt64 = 0
        for _ in 0..<4_000_000 {
            try step.perform()
            let fill = engine.logFill ?? 0
            if fill < previous / 2 { drops += 1 }
            peak = max(peak, fill)
            previous = fill
            if drops >= 2, fill >= peak - peak / 50 { return }
        }
    }
}
