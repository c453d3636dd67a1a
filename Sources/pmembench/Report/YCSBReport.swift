import Foundation

/// A report in the form of YCSB's clients: one block for each row. Latencies are those of the transactions that were
/// timed, in microseconds.
enum YCSBReport {
    static func text(_ report: BenchmarkReport) -> String {
        let head = report.incompleteness.map { ["# INCOMPLETE. " + $0] } ?? []
        return (head + report.measured.map(block)).joined(separator: "\n\n")
    }

    private static func block(_ row: BenchmarkRow) -> String {
        let samples = row.samples.sorted { $0.operationsPerSecond < $1.operationsPerSecond }
        let milliseconds = samples.isEmpty ? 0 : samples[(samples.count - 1) / 2].seconds * 1e3
        let head = [
            "# \(row.benchmark), \(row.engine.rawValue), \(row.threads) threads, \(row.keys) keys of "
                + "\(row.keyBytes) bytes, values of \(row.valueBytes) bytes, \(row.durability), "
                + "domain \(row.domain)",
            "# Latencies and their counts: one in \(row.latencySampling ?? 1) transactions was timed",
            "[OVERALL], RunTime(ms), \(decimal(milliseconds))",
            "[OVERALL], Throughput(ops/sec), \(decimal(row.operationsPerSecond))",
        ]
        let kinds = row.latencyByOperation.sorted { $0.key < $1.key }.flatMap { lines($0.key, $0.value) }
        return (head + kinds).joined(separator: "\n")
    }

    private static func lines(_ kind: String, _ latency: LatencySummary) -> [String] {
        let figures: [(String, String)] = [
            ("Operations", "\(latency.count)"),
            ("AverageLatency(us)", decimal(latency.mean / 1e3)),
            ("MinLatency(us)", microseconds(latency.min)),
            ("MaxLatency(us)", microseconds(latency.max)),
            ("95thPercentileLatency(us)", microseconds(latency.p95)),
            ("99thPercentileLatency(us)", microseconds(latency.p99)),
            ("Return=OK", "\(latency.count)"),
        ]
        return figures.map { "[\(kind)], \($0), \($1)" }
    }

    private static func microseconds(_ nanoseconds: UInt64) -> String { decimal(Double(nanoseconds) / 1e3) }

    private static func decimal(_ number: Double) -> String { String(format: "%.3f", number) }
}
