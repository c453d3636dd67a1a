import CPmem
import Foundation

/// A process that brings a store's log to its fullest and kills itself.
struct KilledWriter {
    /// Name of the hidden subcommand that the process runs.
    static let subcommand = "leave-killed"
    /// Overwrites of an engine that does not tell how full its log is.
    private static let writesWithoutLog = 100_000
    private static let mostWrites = 4_000_000

    let engine: EngineName
    let directory: String
    let parameters: RunParameters
    let seed: UInt64
    /// Of the versions that it writes.
    let round: Int
    /// It makes the store and fills it first.
    let loads: Bool

    var audit: WriteAudit { WriteAudit(round: round) }

    /// Keys in the order in which it overwrites them.
    var numbers: UniformNumbers { UniformNumbers(below: UInt64(parameters.keys), seed: ~seed) }

    // MARK: The parent

    /// Runs the process, makes sure that it died as it should, and returns how many overwrites it was told are done.
    func run() throws -> Int {
        let child = Process()
        let output = Pipe()
        child.executableURL = URL(fileURLWithPath: try Executable.path())
        child.arguments = arguments
        child.standardOutput = output
        try child.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        child.waitUntilExit()
        let isKilled = child.terminationReason == .uncaughtSignal && child.terminationStatus == SIGKILL
        guard isKilled, let writes = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw BenchmarkFailure(
                .failure,
                "\(engine.rawValue): the process to be killed ended with status \(child.terminationStatus)")
        }
        return writes
    }

    private var arguments: [String] {
        [
            Self.subcommand, "--engine", engine.rawValue, "--directory", directory,
            "--keys", String(parameters.keys), "--key-size", String(parameters.shape.keyBytes),
            "--value-size", String(parameters.shape.valueBytes), "--seed", String(seed),
            "--round", String(round),
        ] + (loads ? ["--loads"] : [])
    }

    // MARK: The process

    /// Does not return.
    func writeAndDie<Engine: BenchmarkEngine>(_ type: Engine.Type) throws -> Never {
        // The one that was interrupted reports; this one goes when it does.
        signal(SIGINT, SIG_IGN)
        cpm_die_with_parent()
        let options = parameters.engineOptions(engine, threads: 1)
        let store =
            try loads
            ? Engine.create(in: directory, options: options) : Engine.open(in: directory, options: options)
        if loads { try EngineSession<Engine>.load(store, parameters, seed: seed) }
        let writes = try fillLog(store)
        FileHandle.standardOutput.write(Data("\(writes)\n".utf8))
        kill(getpid(), SIGKILL)
        fatalError("SIGKILL returned")
    }

    /// Overwrites random keys one by one until the log is as full as it was seen to get, or for a while at most.
    func fillLog<Engine: BenchmarkEngine>(_ store: Engine) throws -> Int {
        var step = PutStep(
            engine: store, numbers: numbers, shape: parameters.shape, kind: .update,
            firstVersion: audit.firstVersion(ofThread: 0))
        guard store.logFill != nil else {
            let writes = min(parameters.keys, Self.writesWithoutLog)
            for _ in 0..<writes { try step.perform() }
            return writes
        }
        var (peak, previous) = (UInt64(0), UInt64(0))
        var drops = 0
        for write in 1...Self.mostWrites {
            try step.perform()
            let fill = store.logFill ?? 0
            if fill < previous / 2 { drops += 1 }
            peak = max(peak, fill)
            previous = fill
            if drops >= 2, fill >= peak - peak / 50 { return write }
        }
        return Self.mostWrites
    }
}
