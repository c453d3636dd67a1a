import Foundation

/// A report in the form of PMDK's pmembench, for its scripts and benchdiff: a title, a header, one line for each row.
/// Its thirteen columns come first, then options, then what it does not have.
enum PMDKReport {
    static let heads = [
        "total-avg[sec]", "ops-per-second[1/sec]", "total-max[sec]", "total-min[sec]", "total-median[sec]",
        "total-std-dev[sec]", "latency-avg[nsec]", "latency-min[nsec]", "latency-max[nsec]",
        "latency-std-dev[nsec]", "latency-pctl-50.0%[nsec]", "latency-pctl-99.0%[nsec]",
        "latency-pctl-99.9%[nsec]",
    ]

    static func text(_ report: BenchmarkReport) -> String {
        var blocks: [(title: String, rows: [BenchmarkRow])] = []
        for row in report.measured {
            if blocks.last?.title == row.benchmark {
                blocks[blocks.count - 1].rows.append(row)
            } else {
                blocks.append((row.benchmark, [row]))
            }
        }
        return blocks.flatMap { block in
            let rows = block.rows.map(PMDKRow.init)
            let head = rows.first.map { PMDKTable.head(title: block.title, count: rows.count, row: $0) }
            return [head].compactMap { $0 } + rows.map(\.line)
        }.joined(separator: "\n")
    }
}

/// What stands above rows that share their columns.
enum PMDKTable {
    /// Title and header, for so many rows like this one. A scenario and its group have names in files only.
    static func head(
        title: String, count: Int, scenario: String? = nil, group: String? = nil, row: PMDKRow
    ) -> String {
        let name = scenario.map { "\($0): \(title)" } ?? title
        let columns = PMDKReport.heads + row.options.map(\.name) + row.extras.map(\.name)
        return "\(name) [\(count)]" + (group.map { " [group: \($0)]" } ?? "") + "\n"
            + columns.joined(separator: ";")
    }
}

/// One line: totals over the repeats, latencies, the options, and our own columns.
struct PMDKRow {
    typealias Cell = (name: String, value: String)

    /// Seconds of each repeat.
    let seconds: [Double]
    let operations: Int
    let latency: LatencySummary?
    let options: [Cell]
    let extras: [Cell]

    var line: String {
        let moments = Moments(seconds)
        let spread = Spread(seconds)
        let totals = [
            moments.mean, moments.mean > 0 ? Double(operations) / moments.mean : 0, spread?.greatest ?? 0,
            spread?.least ?? 0, spread?.median ?? 0, moments.deviation,
        ].map { String(format: "%f", $0) }
        let latencies =
            [
                String(format: "%.0f", latency?.mean ?? 0), "\(latency?.min ?? 0)", "\(latency?.max ?? 0)",
                String(format: "%f", latency?.deviation ?? 0),
            ] + [latency?.p50, latency?.p99, latency?.p999].map { "\($0 ?? 0)" }
        return (totals + latencies + options.map(\.value) + extras.map(\.value)).joined(separator: ";")
    }

    /// Our own columns: the last ones of every row.
    static let extraHeads = [
        "latency-pctl-99.99%[nsec]", "fences-per-op", "flushed-lines-per-op", "nt-bytes-per-op", "write-amp",
        "space-amp", "minor-faults-per-op", "domain", "lease",
    ]

    static func decimal(_ number: Double?) -> String {
        number.map { String(format: "%.3f", $0) } ?? "-"
    }
}

extension PMDKRow {
    init(_ row: BenchmarkRow) {
        seconds = row.samples.map(\.seconds)
        operations = row.samples.first?.operations ?? 0
        latency = row.latency
        options = [
            ("threads", "\(row.threads)"), ("ops-per-thread", "\(operations / max(row.threads, 1))"),
            ("data-size", "\(row.valueBytes)"), ("seed", "\(row.seed)"), ("repeats", "\(row.samples.count)"),
            ("type", row.engine.rawValue), ("keys", "\(row.keys)"), ("key-size", "\(row.keyBytes)"),
            ("tx-size", "\(row.operationsPerTransaction)"),
        ]
        extras = Self.extras(row)
    }

    /// What PMDK's table does not have.
    static func extras(_ row: BenchmarkRow) -> [Cell] {
        let payload = Double(row.operationsPerTransaction * (row.keyBytes + row.valueBytes))
        let perOperation = { (total: Double?) in total.map { $0 / Double(row.operationsPerTransaction) } }
        let flushed = row.flushedLinesPerTransaction
        let copied = row.nonTemporalBytesPerTransaction
        let written = row.putsOnly ? bytesWritten(row) : nil
        let pair = Double(row.keyBytes + row.valueBytes)
        let cells = [
            row.latency.map { "\($0.p9999)" } ?? "-", decimal(perOperation(row.fencesPerTransaction)),
            decimal(perOperation(flushed)), decimal(perOperation(copied)),
            decimal(written.map { $0 / payload }), decimal(row.bytesPerPair.map { $0 / pair }),
            decimal(row.minorFaultsPerOperation), row.domain, row.lease,
        ]
        return zip(extraHeads, cells).map { ($0, $1) }
    }

    /// Bytes that went to the medium for each transaction, those of checkpoints beside it included.
    private static func bytesWritten(_ row: BenchmarkRow) -> Double? {
        row.flushedLinesPerTransaction.map { lines in
            64 * (lines + (row.checkpointFlushedLinesPerTransaction ?? 0))
                + (row.nonTemporalBytesPerTransaction ?? 0)
                + (row.checkpointNonTemporalBytesPerTransaction ?? 0)
        }
    }
}

extension BenchmarkRow {
    /// Every operation puts a pair; elsewhere bytes written have nothing to be divided by.
    fileprivate var putsOnly: Bool {
        switch Workload(rawValue: benchmark) {
        case .fillseq, .fillrandom, .fillbatch, .loadsorted, .grow, .overwrite, .churn, .longreader:
            return true
        default: return false
        }
    }
}
