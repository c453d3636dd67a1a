import Foundation

/// The pictures that a report has the rows for.
struct Charts {
    private let report: SavedReport

    init(_ report: SavedReport) {
        self.report = report
    }

    var all: [Chart] {
        [throughput].compactMap { $0 } + latencies + scaling + [recovery].compactMap { $0 }
    }

    /// Rows of the first configuration: one for each benchmark and engine.
    private var baseRows: [SavedReport.Row] {
        var seen: Set<String> = []
        return report.rows.filter {
            seen.insert("\($0.benchmark) \($0.operationsPerTransaction) \($0.engine)").inserted
        }
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
            name: "throughput", title: "Throughput", xLabel: "", yLabel: "operations per second",
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
            name: "latency-\(benchmark)", title: "Latency: \(benchmark)", xLabel: "percentile",
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
            guard Set(report.rows.map(axis.value)).count > 1 else { return [] }
            var benchmarks: [String] = []
            for row in report.rows where !row.benchmark.hasPrefix("open_") {
                if !benchmarks.contains(label(row)) { benchmarks.append(label(row)) }
            }
            // A benchmark that was run at one place only has no line.
            return benchmarks.filter { benchmark in
                let rows = report.rows.filter { label($0) == benchmark }
                return Set(longestLine(rows, axis.name, axis.value).map(axis.value)).count > 1
            }.map { scaling($0, axis.name, axis.label, axis.value) }
        }
    }

    /// One line for each engine; along the axis everything else stays as in the rows that vary most along it.
    private func scaling(
        _ benchmark: String, _ name: String, _ axisLabel: String, _ value: (SavedReport.Row) -> Int
    ) -> Chart {
        let rows = longestLine(report.rows.filter { label($0) == benchmark }, name, value)
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
            axis == "threads" ? 0 : row.threads,
        ]
    }

    /// Time to the first pair after a kill, by the size of the store.
    private var recovery: Chart? {
        let rows = report.rows.filter { $0.benchmark == "open_killed" && $0.operationsPerSecond > 0 }
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
