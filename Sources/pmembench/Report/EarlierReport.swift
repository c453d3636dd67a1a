import Foundation

/// What a file of `--output` has from a run that may be gone on with.
struct EarlierReport: Decodable {
    let environment: BenchmarkEnvironment
    let rows: [BenchmarkRow]

    /// nil where there is no file, or none whose figures go together with those of a run here and now; it says why.
    init?(for output: String?, in environment: BenchmarkEnvironment) throws {
        guard let output else {
            throw BenchmarkFailure(.usage, "--resume needs --output, the file to go on with")
        }
        guard FileManager.default.fileExists(atPath: output) else { return nil }
        let data = try TextFile.data(output, "a file that compare --output wrote")
        guard let report = try? JSONDecoder().decode(EarlierReport.self, from: data) else {
            throw BenchmarkFailure(
                .usage, "\(output) is no report of this version; remove it, or name another --output")
        }
        let difference =
            environment.difference(from: report.environment)
            ?? (environment.engines == report.environment.engines ? nil : "other engines or versions")
            ?? (environment.isOfCommit ? nil : "the sources were changed since commit \(environment.commit)")
        if let difference {
            Diagnostics.write("\(output) is not gone on with: \(difference)")
            return nil
        }
        Diagnostics.write("what \(output) has is not measured again; remove it to begin anew")
        self = report
    }
}
