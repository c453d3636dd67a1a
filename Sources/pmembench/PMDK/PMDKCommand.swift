import CPmem
import Foundation
import Synchronization

/// Runs scenarios in PMDK's form. Each row is printed as soon as it is known, so that what an interrupted run has
/// printed is valid.
struct PMDKCommand {
    let commandLine: PMDKCommandLine
    let progress = ProgressLine()

    func run() throws {
        // All of it is checked before any of it runs.
        let plans = try commandLine.scenarios.map(PMDKPlan.init)
        if commandLine.wantsHelp { return print(plans.map(\.help).joined(separator: "\n\n")) }
        let directories = try plans.map { try $0.directory() }
        if directories.contains(where: \.isVolatile) { try Executable.restartWithForcedPersistentMemory() }
        let files = Set(plans.flatMap { $0.combinations.map(\.file) })
        let interruption = Interruption {
            for file in files { try? FileManager.default.removeItem(atPath: file) }
        }
        for file in files where FileManager.default.fileExists(atPath: file) {
            interruption.cancel()
            throw BenchmarkFailure(.usage, "\(file) exists; choose another --file, or remove it")
        }
        for (plan, directory) in zip(plans, directories) {
            try run(plan, isVolatileMedium: directory.isVolatile)
        }
        interruption.cancel()
    }

    private func run(_ plan: PMDKPlan, isVolatileMedium: Bool) throws {
        for (index, arguments) in plan.combinations.enumerated() {
            progress.show(plan.label, done: index, of: plan.combinations.count, isUrgent: true)
            let row = try row(plan, arguments, isVolatileMedium)
            progress.clear()
            if index == 0 {
                print(
                    PMDKTable.head(
                        title: plan.benchmark.rawValue, count: plan.combinations.count,
                        scenario: plan.scenario.name,
                        group: plan.scenario.group, row: row))
            }
            print(row.line)
            fflush(nil)
        }
    }

    /// All repeats of one combination.
    private func row(_ plan: PMDKPlan, _ arguments: PMDKArguments, _ isVolatileMedium: Bool) throws -> PMDKRow
    {
        if arguments.number("main-affinity") >= 0 {
            try Processors.pin(to: arguments.number("main-affinity"))
        }
        let round = PMDKRound(
            benchmark: plan.benchmark, arguments: arguments, isVolatileMedium: isVolatileMedium)
        let start = cpm_monotonic_nanoseconds()
        let least = UInt64(arguments.number("min-exe-time")) * 1_000_000_000
        var results: [PMDKRoundResult] = []
        while results.count < arguments.number("repeats") || cpm_monotonic_nanoseconds() - start < least {
            results.append(try round.run(seed: mixed(arguments.seed &+ UInt64(results.count))))
        }
        return PMDKRow(plan.benchmark, arguments, results)
    }
}

/// A scenario, checked.
struct PMDKPlan {
    let scenario: Scenario
    let benchmark: PMDKBenchmark
    let combinations: [PMDKArguments]

    init(_ scenario: Scenario) throws {
        if let refusal = PMDKBenchmark.refusal(scenario.benchmark) { throw BenchmarkFailure(.usage, refusal) }
        guard let benchmark = PMDKBenchmark(rawValue: scenario.benchmark) else {
            let known = PMDKBenchmark.allCases.map(\.rawValue).joined(separator: ", ")
            throw BenchmarkFailure(.usage, "no such benchmark: \"\(scenario.benchmark)\"; known are \(known)")
        }
        self.scenario = scenario
        self.benchmark = benchmark
        do {
            combinations = try PMDKArguments.combinations(scenario.settings, benchmark.options)
            for arguments in combinations { _ = try arguments.operationBytes() }
        } catch let failure as BenchmarkFailure {
            let place = scenario.name.map { "scenario \($0): " } ?? ""
            throw BenchmarkFailure(failure.kind, place + failure.description)
        }
    }

    var label: String { (scenario.name.map { $0 + ": " } ?? "") + benchmark.rawValue }

    /// Where the files come to lie.
    func directory() throws -> Directory {
        let parents = Set(
            combinations.map { URL(fileURLWithPath: $0.file).deletingLastPathComponent().path })
        let found = try parents.map { try Directory(checking: $0) }
        return found.first(where: \.isVolatile) ?? found[0]
    }

    var help: String {
        let lines = benchmark.options.map { option in
            let short = option.short.map { "-\($0), " } ?? "    "
            let name = ("--" + option.long).padding(toLength: 18, withPad: " ", startingAt: 0)
            return "  \(short)\(name) \(option.help) [\(option.defaultValue)]"
        }
        return (["\(benchmark.rawValue): \(benchmark.brief)"] + lines).joined(separator: "\n")
    }
}

extension PMDKRow {
    init(_ benchmark: PMDKBenchmark, _ arguments: PMDKArguments, _ results: [PMDKRoundResult]) {
        seconds = results.map { Double($0.timing.nanoseconds) / 1e9 }
        operations = arguments.operations
        var all = Timing(nanoseconds: 0)
        for result in results { all.addLatencies(result.timing) }
        let summary = all.latency.summary
        latency = summary
        options = benchmark.options.filter(\.isInResults).map { ($0.long, arguments.text($0.long)) }
        let mean = Moments(seconds).mean
        let bandwidth =
            mean > 0 ? Double(operations) / mean * Double(arguments.dataSize) / Double(1 << 20) : 0
        let last = results.last
        let perOperation = { (total: UInt64?) in total.map { Double($0) / Double(arguments.operations) } }
        let lines = perOperation(last?.counters?.flushedLines)
        let copied = perOperation(last?.counters?.nonTemporalBytes)
        let pair = Double(8 + arguments.dataSize)
        let written = lines.map { 64 * $0 + (copied ?? 0) }
        let cells = [
            "\(summary?.p9999 ?? 0)", Self.decimal(perOperation(last?.counters?.fences)), Self.decimal(lines),
            Self.decimal(copied), Self.decimal(written.map { $0 / pair }),
            Self.decimal(last?.bytesPerPair.map { $0 / pair }),
            Self.decimal(last?.minorFaults.map { Double($0) / Double(arguments.operations) }),
            last?.domain ?? "-", last?.lease ?? "-",
        ]
        extras =
            (benchmark.hasBandwidth ? [("bandwidth[MiB/s]", String(format: "%f", bandwidth))] : [])
            + zip(Self.extraHeads, cells).map { ($0, $1) }
    }
}
