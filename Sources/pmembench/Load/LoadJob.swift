import CPmem
import Foundation

/// Loads a text into an engine, closes, reopens and verifies every record.
struct LoadJob<Engine: BenchmarkEngine> {
    let name: EngineName
    let records: TextRecords
    let batchSize: Int
    let directory: String
    let isVolatileMedium: Bool
    let progress: ProgressLine

    func run() throws -> LoadReport {
        var report = LoadReport(records: records.count, textBytes: records.text.count)
        let options = engineOptions
        let engine = try Engine.create(in: directory, options: options)
        try load(into: engine, &report)
        let pairs = try engine.count()
        try engine.close()
        let start = cpm_monotonic_nanoseconds()
        let reopened = try Engine.open(in: directory, options: options)
        report.openNanoseconds = cpm_monotonic_nanoseconds() - start
        try verify(reopened)
        report.pairs = try reopened.count()
        guard report.pairs == pairs else {
            throw BenchmarkFailure(.failure, "\(pairs) pairs before closing, \(report.pairs) after reopening")
        }
        report.domain = reopened.domain
        report.lease = reopened.lease
        report.usedBytes = try reopened.usedBytes()
        try reopened.close()
        return report
    }

    private var engineOptions: EngineOptions {
        EngineOptions(
            engine: name, expectedPairs: records.count,
            expectedPairBytes: records.text.count / records.count + 16,
            isVolatileMedium: isVolatileMedium)
    }

    private func load(into engine: Engine, _ report: inout LoadReport) throws {
        let before = engine.mediumCounters
        let start = cpm_monotonic_nanoseconds()
        try unsafe records.text.withUnsafeBytes { bytes in
            var cursor = unsafe TextRecordCursor(bytes)
            while cursor.line < records.count {
                let count = min(batchSize, records.count - cursor.line)
                try put(count, from: &cursor, into: engine)
                report.transactions += 1
                if report.transactions & 255 == 0 {
                    progress.show("loading", done: cursor.line, of: records.count)
                }
            }
        }
        report.loadNanoseconds = cpm_monotonic_nanoseconds() - start
        if let before, let after = engine.mediumCounters { report.fences = (after - before).fences }
    }

    private func put(_ count: Int, from cursor: inout TextRecordCursor, into engine: Engine) throws {
        do {
            try engine.putBatch(count, from: &cursor)
        } catch {
            throw BenchmarkFailure(.failure, "line \(cursor.line): \(error)")
        }
    }

    /// Reads every record. Where a later line has the same key, the later value is the right one: a key that differs
    /// is held back until the line that explains it has come.
    private func verify(_ engine: Engine) throws {
        var pending: [[UInt8]: Int] = [:]
        try unsafe records.text.withUnsafeBytes { bytes in
            var cursor = unsafe TextRecordCursor(bytes)
            while cursor.line < records.count {
                cursor.advance()
                try verify(cursor, engine, &pending)
                if cursor.line & 4095 == 0 {
                    progress.show("verifying", done: cursor.line, of: records.count)
                }
            }
        }
        progress.clear()
        guard let line = pending.values.min() else { return }
        throw BenchmarkFailure(.failure, "after reopening, the record of line \(line) is not what was loaded")
    }

    private func verify(
        _ cursor: borrowing TextRecordCursor, _ engine: Engine, _ pending: inout [[UInt8]: Int]
    ) throws {
        var match = ValueMatch(expected: unsafe cursor.value.withUnsafeBytes { unsafe Array($0) })
        let isFound = try engine.get(cursor.key, &match)
        if isFound, match.isEqual, pending.isEmpty { return }
        let key = unsafe cursor.key.withUnsafeBytes { unsafe Array($0) }
        pending[key] = isFound && match.isEqual ? nil : cursor.line
    }
}

/// Compares a value with the expected one.
private struct ValueMatch: ValueVisitor {
    let expected: [UInt8]
    private(set) var isEqual = false

    init(expected: [UInt8]) {
        self.expected = expected
    }

    mutating func visit(_ value: RawSpan) {
        isEqual = unsafe value.withUnsafeBytes { unsafe $0.elementsEqual(expected) }
    }
}
