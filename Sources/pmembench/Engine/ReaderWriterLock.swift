import Foundation
import Synchronization

/// A reader-writer lock that spins: what it guards takes a microsecond or two, less than a thread's way to sleep and
/// back (a pthread lock was tried here: readers beside a writer were 50 times slower).
final class ReaderWriterLock: Sendable {
    private static let writing: UInt32 = 1
    private static let oneReader: UInt32 = 2
    private static let triesBeforeYield = 200

    /// Bit 0: a writer is inside. Above: number of readers inside.
    private let state = Atomic<UInt32>(0)

    /// Readers that found a writer inside; the next writer lets them in first.
    private let waitingReaders = Atomic<Int>(0)

    func lockForReading() {
        if tryLockForReading() { return }
        waitingReaders.add(1, ordering: .relaxed)
        var tries = 0
        while !tryLockForReading() { wait(&tries) }
        waitingReaders.subtract(1, ordering: .relaxed)
    }

    func lockForWriting() {
        var tries = 0
        while waitingReaders.load(ordering: .relaxed) > 0 { wait(&tries) }
        while !exchange(0, Self.writing) { wait(&tries) }
    }

    private func tryLockForReading() -> Bool {
        let seen = state.load(ordering: .relaxed)
        return seen & Self.writing == 0 && exchange(seen, seen + Self.oneReader)
    }

    func unlockAfterReading() {
        state.subtract(Self.oneReader, ordering: .releasing)
    }

    func unlockAfterWriting() {
        state.subtract(Self.writing, ordering: .releasing)
    }

    private func exchange(_ expected: UInt32, _ desired: UInt32) -> Bool {
        state.weakCompareExchange(
            expected: expected, desired: desired, successOrdering: .acquiring, failureOrdering: .relaxed
        ).exchanged
    }

    private func wait(_ tries: inout Int) {
        tries += 1
        if tries % Self.triesBeforeYield == 0 { sched_yield() }
    }
}
