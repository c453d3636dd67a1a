import Foundation

/// A report as a table for people: where, the rows, then how the first engine compares with the others.
enum TableReport {
    private static let heads = [
        "benchmark", "engine", "threads", "keys", "value", "per tx", "ops/s", "+-%", "p50", "p99", "p99.9",
        "max",
        "fences/tx", "lines/tx", "NT bytes/tx", "bytes/pair", "writes/s", "write max", "MB/s", "domain",
        "lease",
    ]
    private static let textColumns: Set<Int> = [0, 1, 19, 20]

    static func text(_ report: BenchmarkReport) -> String {
        let interrupted = report.incompleteness.map { ["INCOMPLETE. " + $0] } ?? []
        let table = TextTable.layOut([heads] + report.rows.map(cells), textColumns: textColumns)
        let notes = """
            ops/s: median of the rounds; +-%: half the distance of its extremes. Latencies: one transaction \
            of the median round, of openings all rounds; max is that of the transactions that were timed \
            (--latency-sampling). writes/s, write max: a writer beside what is measured, and the longest \
            that it waited; MB/s: keys and values that a backup copied. bytes/pair: all that the store \
            takes, which is mostly what it has set aside when it is small. -: not known.
            """
        let parts = [
            [report.environment.summary, ""], interrupted, [table, notes],
            durabilities(report.rows), taxLines(report.rows), ComparisonTable.lines(report.comparisons),
        ]
        return parts.flatMap { $0 }.joined(separator: "\n")
    }

    private static func cells(_ row: BenchmarkRow) -> [String] {
        let spread = Spread(row.rounds)
        if let obstacle = row.obstacle { return withoutFigures(row, obstacle) }
        return [
            row.benchmark, row.engine.rawValue, String(row.threads), String(row.keys), String(row.valueBytes),
            String(row.operationsPerTransaction), grouped(spread?.median ?? row.operationsPerSecond),
            row.rounds.count > 1 ? decimal(spread.map { 100 * $0.relative }) : "-",
            duration(row.latency?.p50),
            duration(row.latency?.p99), duration(row.latency?.p999), duration(row.latency?.max),
            decimal(row.fencesPerTransaction), decimal(row.flushedLinesPerTransaction),
            decimal(row.nonTemporalBytesPerTransaction), decimal(row.bytesPerPair),
            row.backgroundWritesPerSecond.map(grouped) ?? "-", duration(row.longestWriteNanoseconds),
            decimal(row.copiedBytesPerSecond.map { $0 / 1e6 }), row.domain, row.lease,
        ]
    }

    private static func withoutFigures(_ row: BenchmarkRow, _ obstacle: String) -> [String] {
        let known = [
            row.benchmark, row.engine.rawValue, String(row.threads), String(row.keys), String(row.valueBytes),
            String(row.operationsPerTransaction),
        ]
        let unknown = [String](repeating: "-", count: heads.count - known.count - 2)
        return known + unknown + ["not run: " + obstacle, ""]
    }

    /// What each engine waits for.
    private static func durabilities(_ rows: [BenchmarkRow]) -> [String] {
        var seen: Set<EngineName> = []
        return rows.compactMap { row in
            guard !row.durability.isEmpty, seen.insert(row.engine).inserted else { return nil }
            let survives = row.domain == "volatile" ? "; lost at a power cut: the medium forgets" : ""
            return "\(row.engine.rawValue) waits for: \(row.durability)\(survives)."
        }
    }

    private static func taxLines(_ rows: [BenchmarkRow]) -> [String] {
        guard let fenced = rows.first(where: { $0.benchmark == "durabilitytax_fenced" }),
            let elided = rows.first(where: { $0.benchmark == "durabilitytax_elided" }),
            let tax = PairedRatio(elided.rounds, over: fenced.rounds)
        else { return [] }
        return ["Time with fences over time without: \(ComparisonTable.text(tax))."]
    }

    // MARK: Numbers

    static func grouped(_ number: Double) -> String {
        guard number >= 100 else { return decimal(number) }
        // Figures of a saved report may be anything.
        guard number < 1e18 else { return String(format: "%.3g", number) }
        var digits = String(Int(number.rounded()))
        var groups: [String] = []
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits.removeLast(3)
        }
        return ([digits] + groups).joined(separator: " ")
    }

    static func decimal(_ number: Double?) -> String {
        guard let number else { return "-" }
        // Two places after the point would be one digit, or none, of a small ratio.
        if number > 0, number < 0.1 { return String(format: "%.3g", number) }
        return String(format: number < 10 ? "%.2f" : "%.1f", number)
    }

    static func duration(_ nanoseconds: UInt64?) -> String { duration(nanoseconds.map { Double($0) }) }

    static func duration(_ nanoseconds: Double?) -> String {
        guard let value = nanoseconds else { return "-" }
        if value < 10_000 { return String(format: "%.0f ns", value) }
        if value < 10_000_000 { return String(format: "%.1f us", value / 1e3) }
        return String(format: "%.1f ms", value / 1e6)
    }
}

/// The ratios of a comparison as lines.
enum ComparisonTable {
    private static let heads = [
        "benchmark", "per tx", "keys", "value", "threads", "against", "ratio", "95 %",
    ]
    private static let textColumns: Set<Int> = [0, 5]

    static func lines(_ comparisons: [Comparison]) -> [String] {
        guard let engine = comparisons.first?.engine.rawValue else { return [] }
        let best = Set(Comparison.best(comparisons).map(Mark.init))
        let tables = Metric.allCases.flatMap { metric -> [String] in
            let chosen = comparisons.filter { $0.metric == metric }
            guard !chosen.isEmpty else { return [] }
            let better = metric.moreIsBetter ? "more is better" : "less is better"
            let lines = chosen.map { cells($0, isBest: best.contains(Mark($0))) }
            return [
                "", "\(engine) / others, \(metric.label) (\(better); * marks the strongest opponent):",
                TextTable.layOut([heads] + lines, textColumns: textColumns),
            ]
        }
        return tables + [
            "Ratios: geometric mean over rounds, paired by round; interval of Student's t for its logarithm."
        ]
    }

    private static func cells(_ comparison: Comparison, isBest: Bool) -> [String] {
        [
            comparison.benchmark, "\(comparison.operationsPerTransaction)", "\(comparison.keys)",
            "\(comparison.valueBytes)", "\(comparison.threads)",
            comparison.opponent.rawValue + (isBest ? " *" : ""),
            TableReport.decimal(comparison.ratio.ratio) + "x", interval(comparison.ratio),
        ]
    }

    static func interval(_ ratio: PairedRatio) -> String {
        guard let low = ratio.low, let high = ratio.high else { return "-" }
        return "\(TableReport.decimal(low)) to \(TableReport.decimal(high))"
    }

    static func text(_ ratio: PairedRatio) -> String {
        TableReport.decimal(ratio.ratio) + (ratio.low == nil ? "" : " (\(interval(ratio)))")
    }

    private struct Mark: Hashable {
        let text: String

        init(_ comparison: Comparison) {
            text = [
                comparison.part, "\(comparison.keyBytes)", comparison.benchmark,
                "\(comparison.operationsPerTransaction)", "\(comparison.keys)",
                "\(comparison.valueBytes)", "\(comparison.threads)", comparison.metric.rawValue,
                comparison.opponent.rawValue,
            ].joined(separator: "|")
        }
    }
}

/// Columns of equal width.
enum TextTable {
    static func layOut(_ lines: [[String]], textColumns: Set<Int>) -> String {
        guard let columns = lines.first?.indices else { return "" }
        let widths = columns.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            line.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return textColumns.contains(column) ? cell + padding : padding + cell
            }.joined(separator: "  ").trimmingTrailingSpaces
        }.joined(separator: "\n")
    }
}

extension String {
    fileprivate var trimmingTrailingSpaces: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
