import Foundation

/// A report as JSON.
enum JSONReport {
    private struct Whole: Encodable {
        let environment: BenchmarkEnvironment
        let isComplete: Bool
        let interruption: String?
        let missingParts: [String]
        let rows: [BenchmarkRow]
        let comparisons: [Comparison]
    }

    static func text(_ report: BenchmarkReport) throws -> String {
        try text(
            Whole(
                environment: report.environment, isComplete: report.isComplete,
                interruption: report.interruption, missingParts: report.missingParts, rows: report.rows,
                comparisons: report.comparisons))
    }

    /// The rows alone, as one array.
    static func text(_ rows: [BenchmarkRow]) throws -> String {
        try text(of: rows)
    }

    private static func text(_ whole: Whole) throws -> String {
        try text(of: whole)
    }

    private static func text<Value: Encodable>(of value: Value) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
