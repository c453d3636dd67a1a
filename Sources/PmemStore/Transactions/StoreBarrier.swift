internal import CPmem
internal import Synchronization

/// Keeps one storing thread, which does not hold the write gate, apart from one that stops all stores.
package final class StoreBarrier: Sendable {
    private static let storing: UInt32 = 1
    private static let closed: UInt32 = 2

    private let word = Atomic<UInt32>(0)
    private let isWaiting = Atomic<Bool>(false)

    package init() {}

    /// A storing thread waits for the barrier to open.
    package var isWaitedAt: Bool { isWaiting.load(ordering: .acquiring) }

    /// Begins to store; false: the barrier is closed.
    @inline(__always)
    func enter() -> Bool {
        if word.compareExchange(expected: 0, desired: Self.storing, ordering: .acquiring).exchanged {
            return true
        }
        isWaiting.store(true, ordering: .releasing)
        return false
    }

    /// Behind an ``enter()`` that found the barrier closed.
    func waitAndEnter() {
        while !word.compareExchange(expected: 0, desired: Self.storing, ordering: .acquiring).exchanged {
            unsafe word.withUnsafeAddress { _ = unsafe cpm_futex_wait($0, Self.closed, -1) }
        }
        isWaiting.store(false, ordering: .releasing)
    }

    @inline(__always)
    func leave() {
        if word.compareExchange(expected: Self.storing, desired: 0, ordering: .releasing).exchanged { return }
        word.store(Self.closed, ordering: .releasing)
        wake()
    }

    /// Returns when nobody stores; nobody begins to before ``open()``.
    func close() {
        word.bitwiseOr(Self.closed, ordering: .acquiringAndReleasing)
        while word.load(ordering: .acquiring) != Self.closed {
            unsafe word.withUnsafeAddress { _ = unsafe cpm_futex_wait($0, Self.closed | Self.storing, -1) }
        }
    }

    func open() {
        word.store(0, ordering: .releasing)
        wake()
    }

    private func wake() {
        unsafe word.withUnsafeAddress { _ = unsafe cpm_futex_wake($0, .max) }
    }
}
