internal import CPmem
internal import Glibc
internal import Synchronization

/// Lets one writer at a time into the store, in the order in which they came.
///
/// Uncontended, entering and leaving are one compare-and-swap each. The checkpointer waits in the same line for the
/// short moments in which it needs what a writer owns; a writer that itself waits for the checkpointer lends it the
/// gate.
package final class WriterGate: Sendable {
    /// 0: open. 1: taken. 2: taken, and somebody is in line.
    private let word = Atomic<UInt32>(0)
    private let line = Locked<Line>(Line())

    private struct Line {
        var waiting: [Waiter] = []
        var first = 0
        var isLent = false
        var isBorrowed = false
        var lender: Waiter?
        /// Somebody holds the gate in order to keep it closed, and wants to know when somebody comes.
        var isWatched = false

        mutating func takeMaintenance() -> Waiter? {
            guard let index = waiting[first...].firstIndex(where: { $0.isMaintenance }) else { return nil }
            return waiting.remove(at: index)
        }

        /// The next in line; forgets those before it in time, also when the line is never empty.
        mutating func takeFirst() -> Waiter {
            let waiter = waiting[first]
            first += 1
            if first == waiting.count || first >= 64 && first * 2 > waiting.count {
                waiting.removeFirst(first)
                first = 0
            }
            return waiter
        }
    }

    /// Somebody in line: a thread on a futex, or an asynchronous task.
    private final class Waiter: @unchecked Sendable {
        let signal = Atomic<UInt32>(0)
        let continuation: CheckedContinuation<Void, Never>?
        let isMaintenance: Bool

        init(continuation: CheckedContinuation<Void, Never>? = nil, isMaintenance: Bool = false) {
            self.continuation = continuation
            self.isMaintenance = isMaintenance
        }

        func wake() {
            if let continuation {
                continuation.resume()
                return
            }
            if signal.exchange(Self.woken, ordering: .acquiringAndReleasing) == Self.asleep {
                unsafe withUnsafeFutex { _ = unsafe cpm_futex_wake($0, 1) }
            }
        }

        /// Most waits are as long as one commit: going to sleep and being woken would take far longer.
        func wait() {
            if let taker = unsafe ThreadTurns.taker,
                taker.wait(until: { signal.load(ordering: .acquiring) == Self.woken })
            {
                return
            }
            for _ in 0..<Self.spins {
                if signal.load(ordering: .acquiring) == Self.woken { return }
                cpm_pause()
            }
            let before = signal.compareExchange(
                expected: Self.spinning, desired: Self.asleep, ordering: .acquiringAndReleasing)
            if !before.exchanged { return }
            while signal.load(ordering: .acquiring) != Self.woken {
                unsafe withUnsafeFutex { _ = unsafe cpm_futex_wait($0, Self.asleep, -1) }
            }
        }

        private static let spinning: UInt32 = 0
        private static let asleep: UInt32 = 1
        private static let woken: UInt32 = 2
        private static let spins = 300

        private func withUnsafeFutex(_ body: (UnsafeMutablePointer<UInt32>) -> Void) {
            unsafe signal.withUnsafeAddress(body)
        }
    }

    /// The thread whose transaction is open, so that it can be told when it is about to wait for itself.
    private let owner = Atomic<UInt>(0)

    /// What keeps the checkpointer's stores apart from those who stop all stores.
    package let barrier = StoreBarrier()
    /// Not 0: somebody has come since the gate is watched.
    private let demand = Atomic<UInt32>(0)

    package init() {}

    /// True on the thread whose transaction is open.
    @inline(__always)
    package var isMine: Bool { owner.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// The calling thread's transaction opens, or ends. While it holds the gate.
    @inline(__always)
    package func setOwner(_ isOpen: Bool) {
        owner.store(isOpen ? UInt(pthread_self()) : 0, ordering: .relaxed)
    }

    /// How many wait in line. For tests and statistics: it changes while it is looked at.
    package var waitingCount: Int { line.withLock { $0.waiting.count - $0.first } }

    /// Waits until the gate is the caller's.
    @inline(__always)
    package func enter() {
        if word.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged { return }
        enterSlowly(isMaintenance: false)
    }

    /// As ``enter()``, for the checkpointer: also when a writer has lent it the gate.
    package func enterForMaintenance() {
        if word.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged { return }
        enterSlowly(isMaintenance: true)
    }

    /// As ``enter()``; suspends instead of blocking where it has to wait.
    @inline(__always)
    package func enterAsync() async {
        if word.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged { return }
        await withCheckedContinuation { continuation in
            let waiter = Waiter(continuation: continuation)
            if join(waiter) { waiter.wake() }
        }
    }

    /// Lets the next in line enter.
    @inline(__always)
    package func leave() {
        if word.compareExchange(expected: 1, desired: 0, ordering: .releasing).exchanged { return }
        leaveSlowly()
    }

    @inline(never)
    private func enterSlowly(isMaintenance: Bool) {
        let waiter = Waiter(isMaintenance: isMaintenance)
        if !join(waiter) { waiter.wait() }
    }

    /// Joins the line; true when the gate was open after all, or was lent.
    private func join(_ waiter: Waiter, isFirst: Bool = false) -> Bool {
        line.withLock { line in
            if word.exchange(2, ordering: .acquiring) == 0 {
                if line.first == line.waiting.count { word.store(1, ordering: .relaxed) }
                return true
            }
            if waiter.isMaintenance, line.isLent, !line.isBorrowed {
                line.isBorrowed = true
                return true
            }
            if isFirst {
                line.waiting.insert(waiter, at: line.first)
            } else {
                line.waiting.append(waiter)
                if line.isWatched { announceDemand() }
            }
            return false
        }
    }

    @inline(never)
    private func leaveSlowly() {
        let next: Waiter? = line.withLock { line in
            if line.isBorrowed {
                // Others of the checkpointer's kind may wait for what the lender waits for.
                if line.lender == nil, let next = line.takeMaintenance() { return next }
                line.isBorrowed = false
                let lender = line.lender
                line.lender = nil
                return lender
            }
            return Self.takeNext(&line, word)
        }
        next?.wake()
    }

    private static func takeNext(_ line: inout Line, _ word: borrowing Atomic<UInt32>) -> Waiter? {
        if line.first == line.waiting.count {
            word.store(0, ordering: .releasing)
            return nil
        }
        let waiter = line.takeFirst()
        if line.waiting.isEmpty { word.store(1, ordering: .relaxed) }
        return waiter
    }

    /// The holder lets the checkpointer in while it waits for it. Ends with ``reclaim()``.
    package func lend() {
        let borrower: Waiter? = line.withLock { line in
            line.isLent = true
            word.store(2, ordering: .relaxed)
            guard let next = line.takeMaintenance() else { return nil }
            line.isBorrowed = true
            return next
        }
        borrower?.wake()
    }

    /// The holder takes back what it has lent, as soon as the checkpointer is out.
    package func reclaim() {
        let waiter: Waiter? = line.withLock { line in
            line.isLent = false
            guard line.isBorrowed else { return nil }
            let waiter = Waiter()
            line.lender = waiter
            return waiter
        }
        waiter?.wait()
    }
}

// MARK: - Stopping all stores

extension WriterGate {
    /// Returns when no store is under way, neither a writer's nor a checkpoint's; none begins before ``goOn()``.
    ///
    /// Waits for the transaction at work, and for nobody in line.
    package func stopStores() {
        barrier.close()
        if word.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged { return }
        let waiter = Waiter(isMaintenance: true)
        if !join(waiter, isFirst: true) { waiter.wait() }
    }

    package func goOn() {
        leave()
        barrier.open()
    }

    /// While stores are stopped: waits until somebody wants to store, that long at most. False: nobody does.
    package func isWanted(within nanoseconds: Int64) -> Bool {
        if watch() { return true }
        unsafe demand.withUnsafeAddress { _ = unsafe cpm_futex_wait($0, 0, nanoseconds) }
        return line.withLock { line in
            line.isWatched = false
            return isSomebodyThere(line)
        }
    }

    private func watch() -> Bool {
        line.withLock { line in
            if isSomebodyThere(line) { return true }
            line.isWatched = true
            demand.store(0, ordering: .relaxed)
            return false
        }
    }

    private func isSomebodyThere(_ line: borrowing Line) -> Bool {
        line.first < line.waiting.count || barrier.isWaitedAt
    }

    private func announceDemand() {
        demand.store(1, ordering: .releasing)
        unsafe demand.withUnsafeAddress { _ = unsafe cpm_futex_wake($0, 1) }
    }

    /// Runs stores of the one checkpoint that is at work, when stores are not stopped.
    package func store<R>(_ body: () throws(StoreError) -> R) throws(StoreError) -> R {
        if !barrier.enter() {
            line.withLock { if $0.isWatched { announceDemand() } }
            barrier.waitAndEnter()
        }
        defer { barrier.leave() }
        return try body()
    }
}

extension Atomic where Value == UInt32 {
    /// The word's address, for the futex call. It stays valid as long as the atomic's owner lives.
    func withUnsafeAddress(_ body: (UnsafeMutablePointer<UInt32>) -> Void) {
        unsafe withUnsafePointer(to: self) { pointer in
            unsafe body(UnsafeMutableRawPointer(mutating: pointer).assumingMemoryBound(to: UInt32.self))
        }
    }
}
