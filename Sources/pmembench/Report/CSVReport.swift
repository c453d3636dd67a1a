import Foundation

/// A report as comma-separated values: one header, one line for each row. Empty where a figure is not known.
enum CSVReport {
    private static let heads = [
        "benchmark", "engine", "threads", "keys", "key_bytes", "value_bytes", "operations_per_transaction",
        "rounds", "ops_per_second_median", "ops_per_second_min", "ops_per_second_max",
        "background_writes_per_second", "longest_write_ns", "copied_bytes_per_second", "p50_ns", "p90_ns",
        "p99_ns", "p99.9_ns", "p99.99_ns", "max_ns",
        "fences_per_transaction", "flushed_lines_per_transaction", "nontemporal_bytes_per_transaction",
        "bytes_per_pair", "durability", "domain", "lease", "seed", "file_system", "processor", "kernel",
        "date", "commit", "obstacle", "part", "incomplete",
    ]

    static func text(_ report: BenchmarkReport) -> String {
        ([heads] + report.rows.map { cells($0, report) }).map { line in
            line.map(quoted).joined(separator: ",")
        }.joined(separator: "\n")
    }

    private static func cells(_ row: BenchmarkRow, _ report: BenchmarkReport) -> [String] {
        let environment = report.environment
        let spread = Spread(row.rounds)
        let latency = row.latency
        let latencies = [
            latency?.p50, latency?.p90, latency?.p99, latency?.p999, latency?.p9999, latency?.max,
        ]
        let numbers: [String] = [
            row.benchmark, row.engine.rawValue, "\(row.threads)", "\(row.keys)", "\(row.keyBytes)",
            "\(row.valueBytes)", "\(row.operationsPerTransaction)", "\(row.rounds.count)",
            decimal(spread?.median), decimal(spread?.least), decimal(spread?.greatest),
            decimal(row.backgroundWritesPerSecond), row.longestWriteNanoseconds.map(String.init) ?? "",
            decimal(row.copiedBytesPerSecond),
        ]
        let costs = [
            row.fencesPerTransaction, row.flushedLinesPerTransaction, row.nonTemporalBytesPerTransaction,
            row.bytesPerPair,
        ]
        let place = [
            row.durability, row.domain, row.lease, "\(row.seed)", environment.fileSystem,
            environment.processor, environment.kernel, environment.date, environment.commit,
            row.obstacle ?? "", row.part, report.incompleteness ?? "",
        ]
        return numbers + latencies.map { $0.map(String.init) ?? "" } + costs.map(decimal) + place
    }

    private static func decimal(_ number: Double?) -> String {
        number.map { String(format: "%.3f", $0) } ?? ""
    }

    private static func quoted(_ cell: String) -> String {
        guard cell.contains(where: { $0 == "," || $0 == "\"" || $0 == "\n" }) else { return cell }
        return "\"" + cell.replacingOccurrences(of: "\"", with: "\"\"") + "\""
    }
}
