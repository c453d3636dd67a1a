import Foundation

/// The rows as a table for people, then the ratios between engines.
enum TableReport {
    private static let heads = [
        "benchmark", "engine", "threads", "per tx", "ops/s", "p50", "p99", "p99.9", "max", "fences/tx",
        "lines/tx",
        "NT bytes/tx", "bytes/pair", "domain", "lease",
    ]
    private static let textColumns: Set<Int> = [0, 1, 13, 14]

    static func text(_ rows: [BenchmarkRow]) -> String {
        let table = layOut([heads] + rows.map(cells))
        let notes = "ops/s: median of the rounds. Latencies: one transaction of that round. -: not known."
        let ratios = ratioLines(rows)
        return ([table, notes] + writerLines(rows) + (ratios.isEmpty ? [] : [ratios])).joined(separator: "\n")
    }

    private static func cells(_ row: BenchmarkRow) -> [String] {
        [
            row.benchmark, row.engine.rawValue, String(row.threads), String(row.operationsPerTransaction),
            grouped(row.operationsPerSecond), duration(row.latency?.p50), duration(row.latency?.p99),
            duration(row.latency?.p999), duration(row.latency?.max), decimal(row.fencesPerTransaction),
            decimal(row.flushedLinesPerTransaction), decimal(row.nonTemporalBytesPerTransaction),
            decimal(row.bytesPerPair), row.domain, row.lease,
        ]
    }

    private static func layOut(_ lines: [[String]]) -> String {
        let widths = heads.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            line.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return textColumns.contains(column) ? cell + padding : padding + cell
            }.joined(separator: "  ").trimmingTrailingSpaces
        }.joined(separator: "\n")
    }

    private static func writerLines(_ rows: [BenchmarkRow]) -> [String] {
        rows.compactMap { row in
            guard let writes = row.backgroundWritesPerSecond else { return nil }
            return "\(row.benchmark), \(row.engine.rawValue): \(grouped(writes)) writes/s beside the readers."
        }
    }

    // MARK: Ratios

    /// One line for every benchmark that both engines ran, in operations per second.
    private static func ratioLines(_ rows: [BenchmarkRow]) -> String {
        let lines = rows.filter { $0.engine == .pmemstore }.compactMap { ours -> String? in
            let theirs = rows.first {
                $0.engine == .libpmemobj && $0.benchmark == ours.benchmark
                    && $0.operationsPerTransaction == ours.operationsPerTransaction
            }
            guard let theirs, theirs.operationsPerSecond > 0 else { return nil }
            let ratio = ours.operationsPerSecond / theirs.operationsPerSecond
            return "  \(ours.benchmark), \(ours.operationsPerTransaction) per tx: \(decimal(ratio))x"
        }
        return
            ([lines.isEmpty ? [] : ["pmemstore / libpmemobj, medians:"], lines, taxLines(rows)].flatMap { $0 })
            .joined(separator: "\n")
    }

    private static func taxLines(_ rows: [BenchmarkRow]) -> [String] {
        guard let fenced = rows.first(where: { $0.benchmark == "durabilitytax_fenced" }),
            let elided = rows.first(where: { $0.benchmark == "durabilitytax_elided" }),
            fenced.operationsPerSecond > 0
        else { return [] }
        let tax = elided.operationsPerSecond / fenced.operationsPerSecond
        return ["durability tax (time with fences / time without): \(decimal(tax))"]
    }

    // MARK: Numbers

    static func grouped(_ number: Double) -> String {
        guard number >= 100 else { return decimal(number) }
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
        return String(format: number < 10 ? "%.2f" : "%.1f", number)
    }

    static func duration(_ nanoseconds: UInt64?) -> String {
        guard let nanoseconds else { return "-" }
        let value = Double(nanoseconds)
        if value < 10_000 { return "\(nanoseconds) ns" }
        if value < 10_000_000 { return String(format: "%.1f us", value / 1e3) }
        return String(format: "%.1f ms", value / 1e6)
    }
}

extension String {
    fileprivate var trimmingTrailingSpaces: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
