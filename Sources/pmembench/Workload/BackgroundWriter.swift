import CPmem
import Foundation
import Synchronization

/// Repeats a step on a thread of its own until it is stopped.
final class BackgroundWriter<Step: WorkStep>: Sendable {
    private let step: Mutex<Step>
    private let isStopped = Atomic(false)
    private let failure = Mutex((any Error)?.none)
    private let calls = Atomic(0)
    private let longest = Atomic<UInt64>(0)
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

    /// Calls that have returned.
    var finishedCalls: Int { calls.load(ordering: .acquiring) }

    /// Nanoseconds of the longest call since the last time that this was asked.
    func takeLongestCall() -> UInt64 { longest.exchange(0, ordering: .relaxed) }

    /// Waits for the thread to end and returns the number of calls that it made.
    func stop() throws -> Int {
        isStopped.store(true, ordering: .relaxed)
        done.wait()
        if let failure = failure.withLock({ $0 }) { throw failure }
        return finishedCalls
    }

    /// Waits until so many calls have returned, or the thread has failed.
    func waitForCalls(_ count: Int) {
        while finishedCalls < count, failure.withLock({ $0 == nil }) { sched_yield() }
    }

    private func repeatUntilStopped() {
        var step = step.withLock { $0 }
        var begun = cpm_monotonic_nanoseconds()
        do {
            while !isStopped.load(ordering: .relaxed) {
                try step.perform()
                calls.wrappingAdd(1, ordering: .releasing)
                let now = cpm_monotonic_nanoseconds()
                longest.max(now - begun, ordering: .relaxed)
                begun = now
            }
        } catch {
            failure.withLock { $0 = error }
        }
    }
}
