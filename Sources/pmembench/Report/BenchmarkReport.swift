import Foundation

/// All that a run has to say: where, what, and how the engines compare.
struct BenchmarkReport: Sendable {
    let environment: BenchmarkEnvironment
    let rows: [BenchmarkRow]
    /// False when the run was interrupted: rows may have fewer rounds, or be missing.
    let isComplete: Bool

    var comparisons: [Comparison] { Comparison.all(rows) }

    /// Rows with figures.
    var measured: [BenchmarkRow] { rows.filter { $0.obstacle == nil } }

    func text(_ format: ReportFormat) throws -> String {
        switch format {
        case .table: return TableReport.text(self)
        case .json: return try JSONReport.text(self)
        case .csv: return CSVReport.text(self)
        case .ycsb: return YCSBReport.text(self)
        case .pmdk: return PMDKReport.text(self)
        }
    }
}

/// How a report is written.
enum ReportFormat: String, CaseIterable, Sendable {
    case table, json, csv, ycsb, pmdk
}
