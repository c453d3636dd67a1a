import Foundation
import Synchronization

/// Repeats a step on a thread of its own until it is stopped.
final class BackgroundWriter<Step: WorkStep>: Sendable {
    private let step: Mutex<Step>
    private let isStopped = Atomic(false)
    private let outcome = Mutex((calls: 0, failure: (any Error)?.none))
    private let done = DispatchSemaphore(value: 0)

    init(_ step: Step) {
        self.step = Mutex(step)
    }

    func start() {
        let thread = Thread { [self] in
            repeatUntilStopped()
            done.signal()
        }
        thread.stackSize = 8 << 20
        thread.start()
    }

    /// Waits for the thread to end and returns the number of calls that it made.
    func stop() throws -> Int {
        isStopped.store(true, ordering: .relaxed)
        done.wait()
        let (calls, failure) = outcome.withLock { $0 }
        if let failure { throw failure }
        return calls
    }

    private func repeatUntilStopped() {
        var step = step.withLock { $0 }
        var calls = 0
        do {
            while !isStopped.load(ordering: .relaxed) {
                try step.perform()
                calls += 1
            }
        } catch {
            outcome.withLock { $0.failure = error }
        }
        let total = calls
        outcome.withLock { $0.calls = total }
    }
}
