import Foundation

/// All that a run has to say: where, what, and how the engines compare.
struct BenchmarkReport: Sendable {
    let environment: BenchmarkEnvironment
    let rows: [BenchmarkRow]
    /// Where the run was when it was interrupted, or why it ended: rows may have fewer rounds, or be missing.
    var interruption: String?
    /// Parts of the plan that have benchmarks without rows.
    var missingParts: [String] = []

    var isComplete: Bool { interruption == nil && missingParts.isEmpty }

    /// What is not there, in sentences; nil where nothing is missing.
    var incompleteness: String? { Self.incompleteness(interruption, missingParts) }

    static func incompleteness(_ interruption: String?, _ missingParts: [String]) -> String? {
        let sentences = [
            interruption.map { "The run was interrupted: \($0)." },
            missingParts.isEmpty
                ? nil : "Not measured, or not to the end: \(missingParts.joined(separator: ", ")).",
        ].compactMap { $0 }
        return sentences.isEmpty ? nil : sentences.joined(separator: " ")
    }

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
