import Foundation

/// A directory of our own for the stores of one run, removed at the end and when the run is interrupted.
final class Workspace {
    let path: String
    private let interruptions: [any DispatchSourceSignal]

    init(in parent: String) throws {
        let path = parent + "/pmembench.\(getpid())"
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        } catch {
            throw BenchmarkFailure(.failure, "cannot create \(path): \(error.localizedDescription)")
        }
        self.path = path
        interruptions = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                try? FileManager.default.removeItem(atPath: path)
                _exit(128 + number)
            }
            source.resume()
            return source
        }
    }

    func remove() {
        try? FileManager.default.removeItem(atPath: path)
    }
}
