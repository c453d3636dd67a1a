import Foundation

/// Workloads, the engines that run them, and on what.
struct RunPart: Sendable {
    /// Of its section in a plan; empty where there is none.
    var name = ""
    /// Its workloads are to be run; otherwise only rows of before are kept.
    var isChosen = true
    let workloads: [Workload]
    let engines: [EngineName]
    /// One for each combination of keys, value size and threads.
    let configurations: [RunParameters]
}

/// A file of several parts for one run and one report: a section for each, in the form of PMDK's scenarios, with the
/// long options of `compare` as keys. What is in `[global]` holds for all of them.
struct RunPlan {
    let parts: [RunPart]

    /// `fraction` shortens keys and operations, for a look at what a plan does. `chosen` are the names of the parts to
    /// be run; nil: all.
    init(text: String, path: String, chosen: [String]? = nil, fraction: Double, isVolatileMedium: Bool) throws
    {
        let file = try ConfigFile(text: text, path: path)
        let names = Set(try file.scenarios(named: chosen ?? [], path: path).compactMap(\.name))
        parts = try file.scenarios.map { scenario in
            do {
                var part = try Self.part(scenario, fraction, isVolatileMedium)
                part.isChosen = names.contains(part.name)
                return part
            } catch let failure as BenchmarkFailure {
                let place = "\(path), [\(scenario.name ?? "-")]: "
                throw BenchmarkFailure(failure.kind, place + failure.description)
            }
        }
    }

    init(path: String, chosen: [String]?, fraction: Double, isVolatileMedium: Bool) throws {
        guard fraction > 0, fraction <= 1 else {
            throw BenchmarkFailure(.usage, "--fraction must be above 0 and at most 1, not \(fraction)")
        }
        let text = try TextFile.text(path, "a file of sections")
        try self.init(
            text: text, path: path, chosen: chosen, fraction: fraction, isVolatileMedium: isVolatileMedium)
    }

    private static func part(
        _ scenario: Scenario, _ fraction: Double, _ isVolatileMedium: Bool
    ) throws -> RunPart {
        var settings = RunSettings()
        var (workloads, engines, rounds) = (nil as String?, nil as String?, 3)
        for (key, value) in scenario.settings {
            switch key {
            case "workloads": workloads = value
            case "engine": engines = value
            case "rounds": rounds = try number(value, key)
            case "keys": settings.keys = value
            case "operations": settings.operations = try number(value, key)
            case "key-size": settings.keySize = try number(value, key)
            case "value-size": settings.valueSize = value
            case "threads": settings.threads = value
            case "batch-size": settings.batchSize = value
            case "plots-only": settings.isForPlots = value == "true"
            default: throw BenchmarkFailure(.usage, "no such key: \(key); known are \(known)")
            }
        }
        guard let workloads else { throw BenchmarkFailure(.usage, "workloads = ... is missing") }
        settings.fraction = fraction
        return RunPart(
            name: scenario.name ?? "", workloads: try ArgumentLists.workloads(workloads),
            engines: try engines.map(ArgumentLists.engines) ?? EngineName.builtIn,
            configurations: try settings.configurations(rounds: rounds, isVolatileMedium: isVolatileMedium))
    }

    private static let known =
        "workloads, engine, rounds, keys, operations, key-size, value-size, threads, batch-size, plots-only"

    private static func number(_ text: String, _ key: String) throws -> Int {
        try ArgumentLists.sizes(text, option: key).first ?? 0
    }
}

/// What a run is made of, as it was asked for: lists are texts still.
struct RunSettings {
    private static let mostConfigurations = 10_000

    var keys = "1000000"
    var operations: Int?
    var keySize = 16
    var valueSize = "100"
    var batchSize = "1,10,100,1000"
    var threads = "1"
    var seed: UInt64 = 1
    var latencySampling = 16
    var isForPlots = false
    var fraction = 1.0

    /// Every combination of keys, value size and threads.
    func configurations(rounds: Int, isVolatileMedium: Bool) throws -> [RunParameters] {
        let batchSizes = try ArgumentLists.sizes(batchSize, option: "--batch-size")
        let allKeys = try ArgumentLists.sizes(keys, option: "--keys")
        let valueSizes = try ArgumentLists.sizes(valueSize, option: "--value-size", from: 0)
        let allThreads = try ArgumentLists.sizes(threads, option: "--threads")
        guard allThreads.count <= Self.mostConfigurations / allKeys.count / valueSizes.count else {
            throw BenchmarkFailure(
                .usage,
                "more than \(Self.mostConfigurations) combinations of --keys, --value-size and --threads; "
                    + "shorten the lists")
        }
        var found: [RunParameters] = []
        for keys in allKeys {
            for valueSize in valueSizes {
                for threads in allThreads {
                    var parameters = RunParameters(
                        keys: shortened(keys), shape: PairShape(keyBytes: keySize, valueBytes: valueSize),
                        batchSizes: batchSizes, threads: threads, rounds: rounds, seed: seed,
                        latencySampling: latencySampling, isVolatileMedium: isVolatileMedium)
                    parameters.operations = operations.map(shortened)
                    parameters.isForPlots = isForPlots
                    try parameters.validate()
                    found.append(parameters)
                }
            }
        }
        return found
    }

    private func shortened(_ count: Int) -> Int {
        fraction == 1 ? count : min(count, max(1000, Int(Double(count) * fraction)))
    }
}
