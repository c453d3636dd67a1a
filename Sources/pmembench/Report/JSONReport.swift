import Foundation

/// The rows as one JSON array.
enum JSONReport {
    static func text(_ rows: [BenchmarkRow]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(rows), as: UTF8.self)
    }
}
