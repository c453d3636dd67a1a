import Foundation

/// What loading a file came to.
struct LoadReport {
    let records: Int
    let textBytes: Int
    var pairs = 0
    var transactions = 0
    var loadNanoseconds: UInt64 = 0
    var fences: UInt64?
    var usedBytes: UInt64 = 0
    var openNanoseconds: UInt64 = 0
    var domain = ""
    var lease = ""

    init(records: Int, textBytes: Int) {
        self.records = records
        self.textBytes = textBytes
    }

    func text(engine: EngineName) -> String {
        let seconds = Double(max(loadNanoseconds, 1)) / 1e9
        let lines: [(String, String)] = [
            ("engine", engine.rawValue),
            ("records", "\(records), \(pairs) different keys, \(textBytes) bytes of text"),
            ("verified", "all \(records) records, after closing and reopening"),
            ("seconds", String(format: "%.3f", seconds)),
            (
                "transactions",
                "\(transactions), \(TableReport.grouped(Double(transactions) / seconds)) per second"
            ),
            ("records per second", TableReport.grouped(Double(records) / seconds)),
            ("fences", fences.map { "\($0), \(perTransaction($0)) per transaction" } ?? "not known"),
            (
                "bytes on the medium",
                "\(usedBytes), \(TableReport.decimal(Double(usedBytes) / Double(pairs))) per pair"
            ),
            ("open", TableReport.duration(openNanoseconds)),
            ("domain", domain),
            ("lease", lease),
        ]
        return lines.map { $0.0.padding(toLength: 20, withPad: " ", startingAt: 0) + $0.1 }.joined(
            separator: "\n")
    }

    private func perTransaction(_ fences: UInt64) -> String {
        TableReport.decimal(Double(fences) / Double(max(transactions, 1)))
    }
}
