import Foundation

/// A report as `--output` wrote it, as far as plots and tables need it.
struct SavedReport: Decodable, Sendable {
    struct Environment: Decodable, Sendable {
        let processor: String
        let processors: Int
        let kernel: String
        let path: String
        let fileSystem: String
        let dax: String
        let isForced: Bool
        let date: String
        let commit: String
        let engines: [EngineVersion]
    }

    struct EngineVersion: Decodable, Sendable {
        let engine: String
        let version: String
    }

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
        let valueBytes: Int
        let threads: Int
        let metric: String
        let engine: String
        let opponent: String
        let ratio: Ratio
    }

    let environment: Environment
    let isComplete: Bool
    /// Rows with figures.
    let rows: [Row]
    /// Rows of engines that cannot run a benchmark.
    let omissions: [Row]
    let comparisons: [Comparison]

    private enum CodingKeys: String, CodingKey {
        case environment, isComplete, rows, comparisons
    }

    init(from decoder: any Decoder) throws {
        let whole = try decoder.container(keyedBy: CodingKeys.self)
        environment = try whole.decode(Environment.self, forKey: .environment)
        isComplete = try whole.decode(Bool.self, forKey: .isComplete)
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

    /// Several reports of one machine as one: the first environment, all rows.
    init(joining reports: [SavedReport]) throws {
        guard let first = reports.first else { throw BenchmarkFailure(.usage, "no report was named") }
        environment = first.environment
        isComplete = reports.allSatisfy(\.isComplete)
        rows = reports.flatMap(\.rows)
        omissions = reports.flatMap(\.omissions)
        comparisons = reports.flatMap(\.comparisons)
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
