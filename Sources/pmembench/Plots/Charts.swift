import Foundation

/// The pictures that a report has the rows for.
struct Charts {
    private let report: SavedReport

    /// Of a measurement that several parts have made, the first.
    private let rows: [SavedReport.Row]

    init(_ report: SavedReport) {
        self.report = report
        var seen: Set<String> = []
        rows = report.rows.filter {
            seen.insert("\($0.benchmark) \($0.identity.numbers) \($0.engine)").inserted
        }
    }

    var all: [Chart] {
        [throughput].compactMap { $0 } + latencies + scaling + [recovery].compactMap { $0 }
    }

    /// Rows with the first one's keys and values: one for each benchmark and engine, all engines on as many threads.
    private var baseRows: [SavedReport.Row] {
        guard let first = rows.first else { return [] }
        let alike = rows.filter {
            $0.keys == first.keys && $0.keyBytes == first.keyBytes && $0.valueBytes == first.valueBytes
        }
        return alike.filter { row in
            alike.first { label($0) == label(row) }?.threads == row.threads
        }
    }

    /// What the rows of a picture have in common.
    private func configuration(_ rows: [SavedReport.Row]) -> String {
        guard let first = rows.first else { return "" }
        let threads = Set(rows.map(\.threads)).sorted().map(String.init).joined(separator: " or ")
        return "\(first.keys) keys, values of \(first.valueBytes) bytes, threads: \(threads)"
    }

    private func label(_ row: SavedReport.Row) -> String {
        row.benchmark == "fillbatch" ? "fillbatch \(row.operationsPerTransaction)" : row.benchmark
    }

    private var throughput: Chart? {
        let rows = baseRows
        var groups: [String] = []
        for row in rows where !groups.contains(label(row)) { groups.append(label(row)) }
        guard !groups.isEmpty else { return nil }
        let series = report.engines.map { engine in
            Chart.Series(
                name: engine,
                points: rows.filter { $0.engine == engine }.compactMap { row in
                    groups.firstIndex(of: label(row)).map { (Double($0), row.operationsPerSecond) }
                })
        }
        return Chart(
            name: "throughput", title: "Throughput: \(configuration(rows))", xLabel: "",
            yLabel: "operations per second",
            kind: .bars(groups: groups), series: series)
    }

    // MARK: Latencies

    private static let percentiles: [(key: String, part: Double)] = [
        ("p10", 0.1), ("p25", 0.25), ("p50", 0.5), ("p75", 0.75), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99),
        ("p99.9", 0.999), ("p99.99", 0.9999),
    ]

    private var latencies: [Chart] {
        var benchmarks: [String] = []
        for row in baseRows where row.latencyNanoseconds != nil && row.operationsPerTransaction == 1 {
            if !benchmarks.contains(row.benchmark) { benchmarks.append(row.benchmark) }
        }
        return benchmarks.map(latency)
    }

    /// The axis gives each nine as much room as the one before.
    private func latency(_ benchmark: String) -> Chart {
        let rows = baseRows.filter { $0.benchmark == benchmark && $0.operationsPerTransaction == 1 }
        let place = { (part: Double) in -log10(1 - part) }
        let series = rows.map { row in
            Chart.Series(
                name: row.engine,
                points: Self.percentiles.compactMap { percentile in
                    row.latencyNanoseconds?[percentile.key].map { (place(percentile.part), $0 / 1e9) }
                })
        }
        let ticks = Self.percentiles.filter { ["p50", "p90", "p99", "p99.9", "p99.99"].contains($0.key) }
        return Chart(
            name: "latency-\(benchmark)", title: "Latency: \(benchmark), \(configuration(rows))",
            xLabel: "percentile",
            yLabel: "seconds",
            kind: .lines(
                isLogarithmic: false,
                ticks: ticks.map { (place($0.part), String($0.key.dropFirst())) }),
            series: series)
    }

    // MARK: Scaling

    private var scaling: [Chart] {
        let axes: [(name: String, label: String, value: @Sendable (SavedReport.Row) -> Int)] = [
            ("keys", "keys", { $0.keys }), ("values", "bytes of a value", { $0.valueBytes }),
            ("threads", "threads", { $0.threads }),
        ]
        return axes.flatMap { axis -> [Chart] in
            guard Set(rows.map(axis.value)).count > 1 else { return [] }
            var benchmarks: [String] = []
            for row in rows where !row.benchmark.hasPrefix("open_") {
                if !benchmarks.contains(label(row)) { benchmarks.append(label(row)) }
            }
            // A benchmark that was run at one place only has no line.
            return benchmarks.filter { benchmark in
                let rows = self.rows.filter { label($0) == benchmark }
                return Set(longestLine(rows, axis.name, axis.value).map(axis.value)).count > 1
            }.map { scaling($0, axis.name, axis.label, axis.value) }
        }
    }

    /// One line for each engine; along the axis everything else stays as in the rows that vary most along it.
    private func scaling(
        _ benchmark: String, _ name: String, _ axisLabel: String, _ value: (SavedReport.Row) -> Int
    ) -> Chart {
        let rows = longestLine(self.rows.filter { label($0) == benchmark }, name, value)
        let series = report.engines.compactMap { engine -> Chart.Series? in
            let points = rows.filter { $0.engine == engine }.map {
                (x: Double(value($0)), y: $0.operationsPerSecond)
            }
            return points.isEmpty ? nil : Chart.Series(name: engine, points: points.sorted { $0.x < $1.x })
        }
        return Chart(
            name: "\(name)-\(benchmark.replacingOccurrences(of: " ", with: "-"))",
            title: "\(benchmark) by \(axisLabel)", xLabel: axisLabel, yLabel: "operations per second",
            kind: .lines(isLogarithmic: true, ticks: []), series: series)
    }

    /// The rows that have everything but the axis in common, and the most places on it; of several, the first.
    private func longestLine(
        _ rows: [SavedReport.Row], _ axis: String, _ value: (SavedReport.Row) -> Int
    ) -> [SavedReport.Row] {
        var best: (places: Int, rows: [SavedReport.Row]) = (0, [])
        for row in rows {
            let line = rows.filter { others(of: $0, axis) == others(of: row, axis) }
            let places = Set(line.map(value)).count
            if places > best.places { best = (places, line) }
        }
        return best.rows
    }

    /// What must be equal for rows to lie on one line.
    private func others(of row: SavedReport.Row, _ axis: String) -> [Int] {
        [
            axis == "keys" ? 0 : row.keys, axis == "values" ? 0 : row.valueBytes,
            axis == "threads" ? 0 : row.threads, row.keyBytes,
        ]
    }

    /// Time to the first pair after a kill, by the size of the store.
    private var recovery: Chart? {
        let rows = self.rows.filter { $0.benchmark == "open_killed" && $0.operationsPerSecond > 0 }
        guard !rows.isEmpty else { return nil }
        let series = report.engines.compactMap { engine -> Chart.Series? in
            let points = rows.filter { $0.engine == engine }.map {
                (x: Double($0.keys), y: 1 / $0.operationsPerSecond)
            }
            return points.isEmpty ? nil : Chart.Series(name: engine, points: points.sorted { $0.x < $1.x })
        }
        return Chart(
            name: "recovery", title: "Opening after a kill", xLabel: "keys",
            yLabel: "seconds to the first pair",
            kind: .lines(isLogarithmic: true, ticks: []), series: series)
    }
}
