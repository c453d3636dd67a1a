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
    /// The task that was let in and has not run since.
    var admittedTask: GateWaiter?

    var count: Int { waiters.count - head }

    var first: GateWaiter? { head < waiters.count ? waiters[head] : nil }

    var second: GateWaiter? { head + 1 < waiters.count ? waiters[head + 1] : nil }

    mutating func append(_ waiter: GateWaiter) { waiters.append(waiter) }

    mutating func prepend(_ waiter: GateWaiter) { waiters.insert(waiter, at: head) }

    /// Forgets those before it in time, also when the line is never empty.
    mutating func removeFirst() {
        head += 1
        if head == waiters.count || head >= 64 && head * 2 > waiters.count {
            waiters.removeFirst(head)
            head = 0
        }
    }

    mutating func remove(_ waiter: GateWaiter) {
        guard let index = waiters[head...].firstIndex(where: { $0 === waiter }) else { return }
        waiters.remove(at: index)
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
    let isTask: Bool
    /// Of a task that is suspended. Changes under the gate's lock, as the next two do.
    private var continuation: CheckedContinuation<Void, Never>?
    /// It looks at the gate, or was told to.
    private(set) var isLooking = false
    /// Nobody may pass it any more.
    private(set) var isDue: Bool

    init(isMaintenance: Bool = false, isTask: Bool = false) {
        self.isMaintenance = isMaintenance
        self.isTask = isTask
        isDue = isMaintenance
    }

    var hasEntered: Bool { state.load(ordering: .acquiring) == State.entered }

    // MARK: Under the gate's lock

    /// Joins the line; a task suspends.
    func join(asFirst: Bool, _ continuation: CheckedContinuation<Void, Never>? = nil) {
        self.continuation = continuation
        isLooking = asFirst && !isDue && !isTask
    }

    /// Is to look at the gate. What has to be done for that without the lock.
    func call() -> GateWake? {
        isLooking = true
        return change(to: State.called)
    }

    /// The gate is its own. What has to be done for that without the lock.
    @discardableResult
    func admit() -> GateWake? { change(to: State.entered) }

    private func change(to next: UInt32) -> GateWake? {
        let before = state.exchange(next, ordering: .acquiringAndReleasing)
        if let continuation {
            self.continuation = nil
            return .task(continuation)
        }
        return before == State.asleep ? .thread(self) : nil
    }

    /// It has looked, and waits for the gate itself; a task suspends.
    func expectGate(_ continuation: CheckedContinuation<Void, Never>?) {
        expectGate()
        self.continuation = continuation
    }

    /// Nobody may pass it from here on.
    func demand() { isDue = true }

    /// It is to wait for the gate itself: it was let in, and has not come.
    func expectGate() {
        state.store(State.waiting, ordering: .relaxed)
        isDue = true
    }

    // MARK: Without

    fileprivate func wakeThread() {
        unsafe state.withUnsafeAddress { _ = unsafe cpm_futex_wake($0, 1) }
    }

    /// Returns when it was woken.
    ///
    /// - Parameters:
    ///   - spins: Looks before it goes to sleep, for what takes no longer than a commit.
    ///   - isLate: Called whenever it has slept for long; may let it in.
    func awaitWake(spins: Int, isLate: () -> Void = {}) {
        if let taker = ThreadTurns.taker, taker.wait(until: { isAwake }) { return }
        for _ in 0..<spins {
            if isAwake { return }
            cpm_pause()
        }
        let before = state.compareExchange(
            expected: State.waiting, desired: State.asleep, ordering: .acquiringAndReleasing)
        if !before.exchanged { return }
        while !isAwake {
            unsafe state.withUnsafeAddress { _ = unsafe cpm_futex_wait($0, State.asleep, Self.longSleep) }
            if !isAwake { isLate() }
        }
    }

    /// In nanoseconds.
    private static let longSleep: Int64 = 10_000_000

    private var isAwake: Bool { state.load(ordering: .acquiring) >= State.called }
}

/// What wakes a waiter; done when the gate's lock is free again.
enum GateWake {
    case thread(GateWaiter)
    case task(CheckedContinuation<Void, Never>)

    func perform() {
        switch self {
        case .thread(let waiter): waiter.wakeThread()
        case .task(let continuation): continuation.resume()
        }
    }
}
