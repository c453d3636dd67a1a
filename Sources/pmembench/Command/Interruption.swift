import Foundation

/// What is done when the user or the system ends the process by SIGINT or SIGTERM: the action, then the end.
final class Interruption {
    private let sources: [any DispatchSourceSignal]

    /// `action` is called on another thread, once.
    init(_ action: @escaping @Sendable () -> Void) {
        // One queue for both signals: a second one finds the process gone.
        let queue = DispatchQueue(label: "interruption")
        sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                action()
                fflush(nil)
                _exit(128 + number)
            }
            source.resume()
            return source
        }
    }

    /// From now on the signals are ignored: the end is near, and must not be cut short.
    func cancel() {
        for source in sources { source.cancel() }
    }
}
