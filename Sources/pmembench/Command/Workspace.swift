import Foundation

/// A directory of our own for the stores of one run, removed at the end and when the run is interrupted.
final class Workspace {
    let path: String
    private let interruptions: [any DispatchSourceSignal]

    /// `report` is called on another thread when the run is interrupted, before the process ends.
    init(in parent: String, report: @escaping @Sendable () -> Void = {}) throws {
        let path = parent + "/pmembench.\(getpid())"
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        } catch {
            throw BenchmarkFailure(.failure, "cannot create \(path): \(error.localizedDescription)")
        }
        self.path = path
        // One queue for both signals: a second one finds the process gone.
        let queue = DispatchQueue(label: "interruptions")
        interruptions = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                report()
                fflush(nil)
                try? FileManager.default.removeItem(atPath: path)
                _exit(128 + number)
            }
            source.resume()
            return source
        }
    }

    /// The run is over and its report is being written: signals no longer cut it short.
    func ignoreInterruptions() {
        for source in interruptions { source.cancel() }
    }

    func remove() {
        try? FileManager.default.removeItem(atPath: path)
    }
}
