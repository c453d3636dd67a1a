import ArgumentParser
import Foundation

@testable import pmembench

/// The texts that pmembench reads.
enum BenchmarkTexts {
    static func numbers(_ text: String, isOctal: Bool) {
        TextFuzz.attempt(BenchmarkFailure.self) {
            let allowed = isOctal ? 0...0o7777 : -1...Int.max
            let found = try NumberList(text, option: "x", allowed: allowed, isOctal: isOctal).numbers
            precondition(!found.isEmpty && found.count <= NumberList.longest, "\(found.count) numbers")
            precondition(found.allSatisfy { $0 >= -1 }, "a range has left its bounds")
        }
    }

    // MARK: Files

    static func scenarios(_ text: String) {
        TextFuzz.attempt(BenchmarkFailure.self) {
            for scenario in try ConfigFile(text: text, path: "fuzzed.cfg").scenarios { check(scenario) }
        }
    }

    /// What is looked at of a scenario before it is run.
    private static func check(_ scenario: Scenario) {
        TextFuzz.attempt(BenchmarkFailure.self) {
            let plan = try PMDKPlan(scenario)
            precondition(!plan.help.isEmpty && !plan.label.isEmpty)
            precondition(!plan.combinations.isEmpty, "nothing to be run")
            for arguments in plan.combinations.prefix(100) {
                _ = try arguments.operationBytes()
                _ = try? arguments.processors(available: 2)
            }
        }
    }

    static func plan(_ text: String) {
        TextFuzz.attempt(BenchmarkFailure.self) {
            for fraction in [1, 0.01] {
                let plan = try RunPlan(
                    text: text, path: "fuzzed.cfg", fraction: fraction, isVolatileMedium: true)
                check(plan.parts)
            }
        }
    }

    private static func check(_ parts: [RunPart]) {
        let needs = RunNeeds(parts)
        precondition(needs.stored >= 0 && needs.resident >= 0, "a run that needs less than nothing")
        for part in parts {
            precondition(!part.workloads.isEmpty && !part.engines.isEmpty && !part.configurations.isEmpty)
        }
    }

    static func report(_ text: String) {
        TextFuzz.attempt(BenchmarkFailure.self) {
            let report = try SavedReport(data: Data(text.utf8), path: "fuzzed.json")
            for chart in Charts(report).all {
                precondition(!chart.fileName.contains("/"), "a chart in another directory")
                precondition(!chart.script(terminal: "svg", path: "x").isEmpty)
            }
            precondition(HTMLReport(report: report, pictures: []).text.hasSuffix("</html>"))
            precondition(MarkdownTable(report: report).text.hasPrefix(MarkdownTable.begin))
        }
    }

    /// A Markdown file whose table is rewritten.
    static func document(_ text: String) {
        TextFuzz.attempt(BenchmarkFailure.self) {
            let table = MarkdownTable(report: try SavedReport(data: Data(shortReport.utf8), path: "short"))
            let new = try table.rewritten(text, path: "fuzzed.md")
            precondition(new.contains(table.text), "the table is not there")
        }
    }

    private static let shortReport = """
        {"isComplete":true,"rows":[],"comparisons":[],"environment":{"processor":"p","processors":1,
        "kernel":"k","path":"/","fileSystem":"f","dax":"no","isForced":false,"date":"d","commit":"c","engines":[]}}
        """

    /// A text that `load` loads.
    static func records(_ text: String) {
        TextFuzz.attempt(BenchmarkFailure.self) {
            let records = try TextRecords(text: Data(text.utf8), path: "fuzzed.txt")
            unsafe records.text.withUnsafeBytes { bytes in
                var cursor = unsafe TextRecordCursor(bytes)
                let end = bytes.count
                var seen = 0
                for _ in 0..<records.count {
                    cursor.advance()
                    seen += cursor.key.byteCount
                    _ = cursor.value.byteCount
                }
                precondition(seen <= end, "keys of more than the text")
                precondition(cursor.line == records.count)
            }
        }
    }

    // MARK: Command line

    static func commandLine(_ text: String) {
        let arguments = text.split(separator: " ").map(String.init)
        let subcommands = Pmembench.configuration.subcommands.compactMap { $0.configuration.commandName }
        if PMDKCommandLine.isMeant(arguments, subcommands: subcommands + ["help"]) {
            // A file that happens to be there is another parser's.
            if PMDKBenchmark(rawValue: arguments[0]) == nil, PMDKBenchmark.refusal(arguments[0]) == nil {
                return
            }
            TextFuzz.attempt(BenchmarkFailure.self) {
                for scenario in try PMDKCommandLine(arguments).scenarios { check(scenario) }
            }
            return
        }
        ToolTexts.parse(Pmembench.self, arguments) { command in
            TextFuzz.attempt(BenchmarkFailure.self) { check(try parts(of: command)) }
        }
    }

    private static func parts(of command: any ParsableCommand) throws -> [RunPart] {
        let (workloads, engines, rounds, options): (String, String, Int, RunOptions)
        switch command {
        case let run as RunCommand:
            (workloads, engines, rounds, options) = (run.workloads, run.engine, run.rounds, run.options)
        case let compare as CompareCommand:
            (workloads, engines, rounds, options) = (
                compare.workloads, compare.engine, compare.rounds, compare.options
            )
        default: return []
        }
        return [
            RunPart(
                workloads: try ArgumentLists.workloads(workloads),
                engines: try ArgumentLists.engines(engines),
                configurations: try options.configurations(rounds: rounds, isVolatileMedium: true))
        ]
    }
}
