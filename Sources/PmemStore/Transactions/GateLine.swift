internal import CPmem
internal import Glibc
internal import Synchronization

/// Who waits at a ``WriterGate``, first come first. Belongs to whoever holds the gate's lock.
struct GateLine {
    private var waiters: [GateWaiter] = []
    private var head = 0
    /// The holder waits for the checkpointer, and lets it in meanwhile.
    var isLent = false
    /// The checkpointer is in, by the holder's leave.
    var isBorrowed = false
    /// The holder, back from what it waited for, while the checkpointer is still in.
    var lender: GateWaiter?
    /// Somebody holds the gate in order to keep it closed, and wants to know when somebody comes.
    var isWatched = false

    var count: Int { waiters.count - head }

    var first: GateWaiter? { head < waiters.count ? waiters[head] : nil }

    var second: GateWaiter? { head + 1 < waiters.count ? waiters[head + 1] : nil }

    mutating func append(_ waiter: GateWaiter) { waiters.append(waiter) }

    mutating func prepend(_ waiter: GateWaiter) { waiters.insert(waiter, at: head) }

    /// Forgets those before it in time, also when the line is never empty.
    mutating func removeFirst() -> GateWaiter {
        let waiter = waiters[head]
        head += 1
        if head == waiters.count || head >= 64 && head * 2 > waiters.count {
            waiters.removeFirst(head)
            head = 0
        }
        return waiter
    }

    mutating func removeMaintenance() -> GateWaiter? {
        guard let index = waiters[head...].firstIndex(where: { $0.isMaintenance }) else { return nil }
        return waiters.remove(at: index)
    }
}

/// Somebody in line: a thread, or an asynchronous task.
final class GateWaiter: @unchecked Sendable {
    private enum State {
        static let waiting: UInt32 = 0
        static let asleep: UInt32 = 1
        /// It is the first in line, and may look whether the gate is open.
        static let called: UInt32 = 2
        /// The gate is its own.
        static let entered: UInt32 = 3
    }

    private let state = Atomic<UInt32>(State.waiting)
    let isMaintenance: Bool
    /// A task that waits; nil for a thread. Changes under the gate's lock, as the next two do.
    var continuation: CheckedContinuation<Void, Never>?
    /// It looks at the gate, or was told to.
    private(set) var isLooking = false
    /// Nobody may pass it any more.
    private(set) var isDue: Bool

    init(isMaintenance: Bool = false) {
        self.isMaintenance = isMaintenance
        isDue = isMaintenance
    }

    var hasEntered: Bool { state.load(ordering: .acquiring) == State.entered }

    // MARK: Under the gate's lock

    /// Joins the line.
    func join(asFirst: Bool) { isLooking = asFirst && !isDue && continuation == nil }

    /// Is to look at the gate. Returns itself where it has to be woken for that.
    func call() -> GateWaiter? {
        isLooking = true
        return change(to: State.called)
    }

    /// The gate is its own. Returns itself where it has to be woken for that.
    func admit() -> GateWaiter? { change(to: State.entered) }

    private func change(to next: UInt32) -> GateWaiter? {
        let before = state.exchange(next, ordering: .acquiringAndReleasing)
        return before == State.asleep || continuation != nil ? self : nil
    }

    /// It has looked, and waits for the gate itself.
    func expectGate(_ continuation: CheckedContinuation<Void, Never>?) {
        state.store(State.waiting, ordering: .relaxed)
        // Who has called a thread may be about to wake it: nil stays nil, untouched.
        if let continuation { self.continuation = continuation }
        isDue = true
    }

    // MARK: Without

    func wake() {
        if let continuation {
            continuation.resume()
        } else {
            unsafe state.withUnsafeAddress { _ = unsafe cpm_futex_wake($0, 1) }
        }
    }

    /// Returns when it was woken.
    ///
    /// - Parameter spins: looks before it goes to sleep, for what takes no longer than a commit.
    func awaitWake(spins: Int) {
        if let taker = ThreadTurns.taker, taker.wait(until: { isAwake }) { return }
        for _ in 0..<spins {
            if isAwake { return }
            cpm_pause()
        }
        let before = state.compareExchange(
            expected: State.waiting, desired: State.asleep, ordering: .acquiringAndReleasing)
        if !before.exchanged { return }
        while !isAwake {
            unsafe state.withUnsafeAddress { _ = unsafe cpm_futex_wait($0, State.asleep, -1) }
        }
    }

    private var isAwake: Bool { state.load(ordering: .acquiring) >= State.called }
}
