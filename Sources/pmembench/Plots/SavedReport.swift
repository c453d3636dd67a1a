import Foundation

/// A report as `--output` wrote it, as far as plots and tables need it.
struct SavedReport: Decodable, Sendable {
    struct Row: Decodable, Sendable {
        let benchmark: String
        let engine: String
        let threads: Int
        let keys: Int
        let keyBytes: Int
        let valueBytes: Int
        let operationsPerTransaction: Int
        let operationsPerSecond: Double
        let latencyNanoseconds: [String: Double]?
        let bytesPerPair: Double?
        let backgroundWritesPerSecond: Double?
        let longestWriteNanoseconds: UInt64?
        let rounds: [Double]
        let obstacle: String?
        let isForPlots: Bool?
        let part: String?
        let durability: String
        let domain: String
    }

    struct Ratio: Decodable, Sendable {
        let ratio: Double
        let low: Double?
        let high: Double?
        let rounds: Int
    }

    struct Comparison: Decodable, Sendable {
        let benchmark: String
        let operationsPerTransaction: Int
        let keys: Int
        let keyBytes: Int
        let valueBytes: Int
        let threads: Int
        let part: String?
        let metric: String
        let engine: String
        let opponent: String
        let ratio: Ratio
    }

    private(set) var environment: BenchmarkEnvironment
    let interruption: String?
    let missingParts: [String]
    /// Rows with figures.
    let rows: [Row]
    /// Rows of engines that cannot run a benchmark.
    let omissions: [Row]
    let comparisons: [Comparison]

    private enum CodingKeys: String, CodingKey {
        case environment, interruption, missingParts, rows, comparisons
    }

    init(from decoder: any Decoder) throws {
        let whole = try decoder.container(keyedBy: CodingKeys.self)
        environment = try whole.decode(BenchmarkEnvironment.self, forKey: .environment)
        interruption = try whole.decodeIfPresent(String.self, forKey: .interruption)
        missingParts = try whole.decodeIfPresent([String].self, forKey: .missingParts) ?? []
        let all = try whole.decode([Row].self, forKey: .rows)
        rows = all.filter { $0.obstacle == nil }
        omissions = all.filter { $0.obstacle != nil }
        comparisons = try whole.decode([Comparison].self, forKey: .comparisons)
    }

    init(path: String) throws {
        try self.init(data: try TextFile.data(path, "a file that compare --output wrote"), path: path)
    }

    /// `path` is named in refusals.
    init(data: Data, path: String) throws {
        do {
            self = try JSONDecoder().decode(SavedReport.self, from: data)
        } catch {
            throw BenchmarkFailure(
                .usage, "\(path) is no report; name a file that run --output or compare --output wrote")
        }
    }

    /// What is not there, in sentences; nil where nothing is missing.
    var incompleteness: String? { BenchmarkReport.incompleteness(interruption, missingParts) }

    /// Several reports of one commit and machine as one. Of a benchmark that several have, the one with most rounds is
    /// taken, all engines from the same report.
    init(joining reports: [SavedReport]) throws {
        guard var joined = reports.first?.environment else {
            throw BenchmarkFailure(.usage, "no report was named")
        }
        var best: [Benchmark: (report: Int, rounds: Int)] = [:]
        for (index, report) in reports.enumerated() {
            if let difference = joined.difference(from: report.environment) {
                throw BenchmarkFailure(
                    .usage, "the reports do not go together: \(difference); report them one by one")
            }
            for version in report.environment.engines where !joined.engines.contains(version) {
                joined.engines.append(version)
            }
            for (benchmark, rows) in Dictionary(grouping: report.rows, by: \.identity) {
                let rounds = rows.reduce(0) { $0 + $1.rounds.count }
                if rounds > best[benchmark]?.rounds ?? -1 { best[benchmark] = (index, rounds) }
            }
        }
        environment = joined
        let all = Array(reports.enumerated())
        rows = all.flatMap { index, report in
            report.rows.filter { best[$0.identity]?.report == index }
        }
        comparisons = all.flatMap { index, report in
            report.comparisons.filter { best[$0.identity]?.report == index }
        }
        var seen: Set<String> = []
        omissions = reports.flatMap(\.omissions).filter {
            seen.insert("\($0.identity) \($0.engine)").inserted
        }
        let missing = reports.dropFirst().reduce(reports[0].missingParts) { missing, report in
            missing.filter(report.missingParts.contains)
        }
        missingParts = missing
        // What one report was interrupted in, another one may have.
        interruption =
            reports.first { report in
                report.interruption != nil
                    && (report.missingParts.isEmpty || report.missingParts.contains(where: missing.contains))
            }?.interruption
    }

    /// Engines in the order of their first row.
    var engines: [String] {
        var seen: [String] = []
        for row in rows where !seen.contains(row.engine) { seen.append(row.engine) }
        return seen
    }

    /// Where and when, in one sentence.
    var origin: String {
        let forced = environment.isForced ? ", libpmem forced to flush lines" : ""
        return "\(environment.processors) cores of \(environment.processor), Linux \(environment.kernel), "
            + "\(environment.fileSystem), DAX \(environment.dax)\(forced), \(environment.date), "
            + "commit \(environment.commit)"
    }
}

extension SavedReport {
    /// What a benchmark's rows and ratios have in common.
    struct Benchmark: Hashable {
        let part: String
        let name: String
        let numbers: [Int]
    }
}

/// A row or a ratio of one benchmark.
protocol BenchmarkFigure {
    var part: String? { get }
    var benchmark: String { get }
    var operationsPerTransaction: Int { get }
    var keys: Int { get }
    var keyBytes: Int { get }
    var valueBytes: Int { get }
    var threads: Int { get }
}

extension SavedReport.Row: BenchmarkFigure {}
extension SavedReport.Comparison: BenchmarkFigure {}

extension BenchmarkFigure {
    var identity: SavedReport.Benchmark {
        SavedReport.Benchmark(
            part: part ?? "", name: benchmark,
            numbers: [operationsPerTransaction, keys, keyBytes, valueBytes, threads])
    }
}
