import Foundation

/// A command line in PMDK's form: a benchmark and its options, or a file, scenarios of it, and options that overrule
/// those of the file.
struct PMDKCommandLine: Sendable {
    let scenarios: [Scenario]
    let wantsHelp: Bool

    /// True when the first argument is a benchmark's name or a file of scenarios.
    static func isMeant(_ arguments: [String], subcommands: [String]) -> Bool {
        guard let first = arguments.first, !first.hasPrefix("-"), !subcommands.contains(first) else {
            return false
        }
        return PMDKBenchmark(rawValue: first) != nil || PMDKBenchmark.refusal(first) != nil
            || first.hasSuffix(".cfg") || FileManager.default.fileExists(atPath: first)
    }

    init(_ arguments: [String]) throws {
        let first = arguments.first ?? ""
        let rest = Array(arguments.dropFirst())
        if let refusal = PMDKBenchmark.refusal(first) { throw BenchmarkFailure(.usage, refusal) }
        if let benchmark = PMDKBenchmark(rawValue: first) {
            let parsed = try Self.settings(rest, benchmark.options)
            scenarios = [Scenario(name: nil, benchmark: first, settings: parsed.settings)]
            wantsHelp = parsed.wantsHelp
        } else {
            let names = Array(rest.prefix { !$0.hasPrefix("-") })
            let parsed = try Self.settings(Array(rest.dropFirst(names.count)), PMDKOption.common)
            var scenarios = try ConfigFile(path: first).scenarios(named: names, path: first)
            for index in scenarios.indices {
                for (key, value) in parsed.settings { scenarios[index].settings.set(key, value) }
            }
            self.scenarios = scenarios
            wantsHelp = parsed.wantsHelp
        }
    }

    private static func settings(
        _ arguments: [String], _ options: [PMDKOption]
    ) throws -> (settings: [ConfigFile.Setting], wantsHelp: Bool) {
        var settings: [ConfigFile.Setting] = []
        var wantsHelp = false
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "-h" || argument == "--help" {
                wantsHelp = true
                continue
            }
            let (option, attached) = try find(argument, options)
            if option.isFlag {
                settings.set(option.long, attached ?? "true")
            } else if let value = attached ?? rest.popFirst() {
                settings.set(option.long, value)
            } else {
                throw BenchmarkFailure(.usage, "\(argument) needs a value")
            }
        }
        return (settings, wantsHelp)
    }

    /// The option of `--long`, `--long=value`, `-s` or `-svalue`, and the value that is attached.
    private static func find(
        _ argument: String, _ options: [PMDKOption]
    ) throws -> (option: PMDKOption, attached: String?) {
        if argument.hasPrefix("--") {
            let parts = argument.dropFirst(2).split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false
            ).map(String.init)
            if let option = options.first(where: { $0.long == parts.first }) {
                return (option, parts.count > 1 ? parts[1] : nil)
            }
        } else if argument.hasPrefix("-"), let letter = argument.dropFirst().first,
            let option = options.first(where: { $0.short == letter })
        {
            let attached = String(argument.dropFirst(2))
            if attached.isEmpty || !option.isFlag { return (option, attached.isEmpty ? nil : attached) }
        }
        throw BenchmarkFailure(.usage, "\(argument): no such option; --help lists those of a benchmark")
    }
}
