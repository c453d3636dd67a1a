import Foundation

/// A directory of our own for the stores of one run, removed at the end and when the run is interrupted.
final class Workspace {
    let path: String
    private let interruption: Interruption

    /// `report` is called on another thread when the run is interrupted, before the process ends.
    init(in parent: String, report: @escaping @Sendable () -> Void = {}) throws {
        let path = parent + "/pmembench.\(getpid())"
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        } catch {
            throw BenchmarkFailure(.failure, "cannot create \(path): \(error.localizedDescription)")
        }
        self.path = path
        interruption = Interruption {
            report()
            try? FileManager.default.removeItem(atPath: path)
        }
    }

    /// The run is over and its report is being written.
    func ignoreInterruptions() {
        interruption.cancel()
    }

    func remove() {
        try? FileManager.default.removeItem(atPath: path)
    }
}
