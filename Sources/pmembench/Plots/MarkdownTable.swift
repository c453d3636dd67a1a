import Foundation

/// The comparison as a table for README and docs, between two marks that a rewrite looks for.
struct MarkdownTable {
    static let begin = "<!-- pmembench:begin -->"
    static let end = "<!-- pmembench:end -->"

    let report: SavedReport
    /// Rates of the first row's keys and values alone, each workload once.
    var isSummary = false

    var text: String {
        let engine = report.engines.first ?? "-"
        let head = """
            | workload | keys | value | threads | \(engine), 1/s | best opponent | ratio | 95 % | by p50 |
            |---|---|---|---|---|---|---|---|---|
            """
        let volatile = report.rows.contains { $0.domain == "volatile" }
        let medium = volatile ? " The medium forgets at a power cut." : ""
        let versions = report.environment.engines.map { "\($0.engine) \($0.version)" }.joined(separator: ", ")
        let counts = report.rows.filter { $0.isForPlots != true }.map(\.rounds.count)
        let rounds = Set([counts.min() ?? 0, counts.max() ?? 0]).sorted().map(String.init).joined(
            separator: " to ")
        let incomplete = report.incompleteness.map { " " + $0 } ?? ""
        let intro = """
            \(report.origin).\(medium)\(incomplete) \(rounds) interleaved rounds; ratios paired by \
            round, geometric mean, 95 % interval of Student's t. By p50: how many times as long the \
            opponent's median transaction takes, which other work on the machine moves least.
            \(versions).
            """
        let tables =
            isSummary ? [[head] + lines(engine)] : [[head] + lines(engine), costs(engine), openings]
        return
            ([Self.begin, wrapped(intro)] + tables.filter { !$0.isEmpty }.flatMap { [""] + $0 } + [
                "", wrapped(waits), Self.end,
            ])
            .joined(separator: "\n")
    }

    /// One line for each benchmark: the opponent against which the ratio is worst.
    private func lines(_ engine: String) -> [String] {
        let rows = report.rows.filter {
            $0.engine == engine && $0.isForPlots != true && !$0.benchmark.hasPrefix("open_")
        }
        return (isSummary ? summary(rows) : rows).flatMap { row -> [String] in
            let own = report.comparisons.filter { $0.identity == row.identity }
            return ["operationsPerSecond", "backgroundWritesPerSecond"].compactMap { metric in
                own.filter { $0.metric == metric }.min { $0.ratio.ratio < $1.ratio.ratio }.map { worst in
                    let isWriter = metric == "backgroundWritesPerSecond"
                    let median = own.first { $0.metric == "p50Nanoseconds" && $0.opponent == worst.opponent }
                    return line(row, worst, isWriter: isWriter, median: isWriter ? nil : median)
                }
            }
        }
    }

    private func summary(_ rows: [SavedReport.Row]) -> [SavedReport.Row] {
        var seen: Set<String> = []
        return rows.filter { row in
            row.keys == rows[0].keys && row.keyBytes == rows[0].keyBytes
                && row.valueBytes == rows[0].valueBytes
                && seen.insert("\(row.benchmark) \(row.operationsPerTransaction) \(row.threads)").inserted
        }
    }

    private func line(
        _ row: SavedReport.Row, _ worst: SavedReport.Comparison, isWriter: Bool,
        median: SavedReport.Comparison?
    ) -> String {
        let perTransaction =
            row.operationsPerTransaction == 1 ? "" : ", \(row.operationsPerTransaction) per call"
        let rate = isWriter ? row.backgroundWritesPerSecond : Spread(row.rounds)?.median
        let cells = [
            row.benchmark + (isWriter ? ", the writer" : perTransaction), "\(row.keys)", "\(row.valueBytes)",
            "\(row.threads)", rate.map(TableReport.grouped) ?? "-", worst.opponent,
            TableReport.decimal(worst.ratio.ratio), interval(worst.ratio),
            TableReport.decimal(median.map { 1 / $0.ratio.ratio }),
        ]
        return "| " + cells.joined(separator: " | ") + " |"
    }

    // MARK: Where less is better

    /// Whose last percentiles are shown: transactions of one put.
    private static let timed = ["fillrandom", "overwrite"]

    /// Space and last percentiles beside the opponent that does best in them.
    private func costs(_ engine: String) -> [String] {
        let lines = report.rows.filter { $0.engine == engine && $0.isForPlots != true }.flatMap { row in
            Metric.allCases.compactMap { cost(row, $0) }
        }
        let head =
            "| workload | keys | value | less is better | \(engine) | best opponent | its | ratio | 95 % |"
        return lines.isEmpty ? [] : [head, "|---|---|---|---|---|---|---|---|---|"] + lines
    }

    private func cost(_ row: SavedReport.Row, _ metric: Metric) -> String? {
        guard metric == .bytesPerPair || metric == .p999Nanoseconds && Self.timed.contains(row.benchmark)
        else {
            return nil
        }
        let own = report.comparisons.filter { $0.identity == row.identity && $0.metric == metric.rawValue }
        guard let worst = own.max(by: { $0.ratio.ratio < $1.ratio.ratio }) else { return nil }
        let opponent = report.rows.first { $0.identity == row.identity && $0.engine == worst.opponent }
        let figure = { (row: SavedReport.Row?) in
            metric == .bytesPerPair
                ? TableReport.decimal(row?.bytesPerPair)
                : TableReport.duration(row?.latencyNanoseconds?["p99.9"])
        }
        let cells = [
            row.benchmark, "\(row.keys)", "\(row.valueBytes)", metric.label, figure(row), worst.opponent,
            figure(opponent), TableReport.decimal(worst.ratio.ratio), interval(worst.ratio),
        ]
        return "| " + cells.joined(separator: " | ") + " |"
    }

    /// How long it takes to open a store and read its first pair, for every engine.
    private var openings: [String] {
        let rows = report.rows.filter { $0.benchmark.hasPrefix("open_") && $0.latencyNanoseconds != nil }
        let lines = rows.map { row -> String in
            let times = ["p50", "p99", "max"].map { TableReport.duration(row.latencyNanoseconds?[$0]) }
            let cells = [
                row.benchmark, "\(row.keys)", "\(row.valueBytes)", row.engine,
                TableReport.grouped(row.latencyNanoseconds?["count"] ?? 0),
            ]
            return "| " + (cells + times).joined(separator: " | ") + " |"
        }
        let head = "| opening | keys | value | engine | times | p50 | p99 | longest |"
        return lines.isEmpty ? [] : [head, "|---|---|---|---|---|---|---|---|"] + lines
    }

    private func interval(_ ratio: SavedReport.Ratio) -> String {
        guard let low = ratio.low, let high = ratio.high else { return "-" }
        return "\(TableReport.decimal(low)) to \(TableReport.decimal(high))"
    }

    /// What each engine waits for.
    private var waits: String {
        report.engines.compactMap { engine in
            report.rows.first { $0.engine == engine }.map { "\(engine): \($0.durability)." }
        }.joined(separator: " ")
    }

    private func wrapped(_ text: String) -> String {
        var lines = [""]
        for word in text.split(whereSeparator: \.isWhitespace) {
            let last = lines[lines.count - 1]
            if last.isEmpty {
                lines[lines.count - 1] = String(word)
            } else if last.count + 1 + word.count <= 118 {
                lines[lines.count - 1] = last + " " + word
            } else {
                lines.append(String(word))
            }
        }
        return lines.joined(separator: "\n")
    }

    /// Puts the table in the place of the one between the marks of a file.
    func rewrite(_ path: String) throws {
        let new = try rewritten(try TextFile.text(path, "a Markdown file"), path: path)
        try new.write(toFile: path, atomically: true, encoding: .utf8)
    }

    /// A file's text with the table; `path` is named in refusals.
    func rewritten(_ old: String, path: String) throws -> String {
        guard let start = old.range(of: Self.begin), let stop = old.range(of: Self.end),
            start.lowerBound < stop.lowerBound
        else {
            throw BenchmarkFailure(
                .usage, "\(path) has no place for the table: put \(Self.begin) and \(Self.end) in it")
        }
        return old.replacingCharacters(in: start.lowerBound..<stop.upperBound, with: text)
    }
}
