import Foundation
import Synchronization

/// What is done when the user or the system ends the process by SIGINT or SIGTERM: the action, then the end.
final class Interruption {
    private static let isUnderWay = Atomic(false)
    private let sources: [any DispatchSourceSignal]

    /// `action` is called on another thread, once.
    init(_ action: @escaping @Sendable () -> Void) {
        // One queue for both signals: a second one finds the process gone.
        let queue = DispatchQueue(label: "interruption")
        sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                Self.isUnderWay.store(true, ordering: .sequentiallyConsistent)
                action()
                fflush(nil)
                _exit(128 + number)
            }
            source.resume()
            return source
        }
    }

    /// Does not return when the process is about to end by a signal.
    static func waitIfUnderWay() {
        while isUnderWay.load(ordering: .sequentiallyConsistent) { pause() }
    }

    /// From now on the signals are ignored: the end is near, and must not be cut short.
    func cancel() {
        for source in sources { source.cancel() }
    }
}
