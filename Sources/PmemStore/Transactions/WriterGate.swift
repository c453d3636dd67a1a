internal import CPmem
internal import Glibc
internal import Synchronization

/// Lets one writer at a time into the store.
///
/// Uncontended, entering and leaving are one compare-and-swap each. Whoever finds the gate open enters, also past
/// those in line: to keep it closed for a thread that is yet to wake would cost each commit a switch of threads. The
/// first in line is awake and looks at the gate itself. Nobody starves: when ``mostPasses`` have passed it, or its
/// ``patience`` has ended, whoever leaves hands it the gate. So the one in place k waits for k times `mostPasses`
/// transactions at most, and where they are long for k of them and as many patiences and wakes (decision 0021). A task
/// that is next keeps nobody out while it has no thread to run on.
///
/// The checkpointer stands in the same line for the short moments in which it needs what a writer owns, and nobody
/// passes it once it is the first. A writer that itself waits for the checkpointer lends it the gate.
package final class WriterGate: Sendable {
    /// States of the gate. An open one is 0 or `passable`; only to these and from these it changes without the lock.
    private enum Word {
        static let taken: UInt32 = 1
        /// Somebody is in line.
        static let line: UInt32 = 2
        /// The first in line looks at the gate itself: whoever leaves need not wake it.
        static let looking: UInt32 = 4
        /// To leave is more than to open: the first in line is to have the gate, or it is lent.
        static let demanded: UInt32 = 8
        static let passable = line | looking
    }

    private let word = Atomic<UInt32>(0)
    private let line = Locked<GateLine>(GateLine())
    /// How many have left since the first in line was told to look, or before. Belongs to whoever holds the gate.
    private let passes = Atomic<UInt32>(0)
    /// How long the first in line lets others pass, in nanoseconds.
    private let patience: UInt64

    /// Some 200 microseconds of small commits. A processor may be that busy that the first in line sleeps for longer.
    package static let mostPasses: UInt32 = 256
    /// Pauses between two looks, up to a microsecond or two: each look takes the holder's cache line from it.
    private static let pauses = 8...64
    /// Of one who is next: the transaction at work may end before a sleep has begun.
    private static let spins = 300

    /// The thread whose transaction is open, so that it can be told when it is about to wait for itself.
    private let owner = Atomic<UInt>(0)

    /// What keeps the checkpointer's stores apart from those who stop all stores.
    package let barrier = StoreBarrier()
    /// Not 0: somebody has come since the gate is watched.
    private let demand = Atomic<UInt32>(0)

    /// - Parameter patience: Other than usual for tests: with 0, nobody passes who has found the first in line.
    package init(patience: UInt64 = 100_000) { self.patience = patience }

    /// True on the thread whose transaction is open.
    @inline(__always)
    package var isMine: Bool { owner.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// The calling thread's transaction opens, or ends. While it holds the gate.
    @inline(__always)
    package func setOwner(_ isOpen: Bool) {
        owner.store(isOpen ? UInt(pthread_self()) : 0, ordering: .relaxed)
    }

    /// How many wait in line. For tests and statistics: it changes while it is looked at.
    package var waitingCount: Int { line.withLock { $0.count } }

    /// Nobody passes the first in line any more, or the gate is lent. For tests, as ``waitingCount``.
    package var isDemanded: Bool { word.load(ordering: .relaxed) & Word.demanded != 0 }

    /// Waits until the gate is the caller's.
    @inline(__always)
    package func enter() {
        if word.compareExchange(expected: 0, desired: Word.taken, ordering: .acquiring).exchanged { return }
        enterSlowly(isMaintenance: false)
    }

    /// As ``enter()``, for the checkpointer: also when a writer has lent it the gate.
    package func enterForMaintenance() {
        if word.compareExchange(expected: 0, desired: Word.taken, ordering: .acquiring).exchanged { return }
        enterSlowly(isMaintenance: true)
    }

    /// As ``enter()``; suspends instead of blocking where it has to wait.
    @inline(__always)
    package func enterAsync() async {
        if word.compareExchange(expected: 0, desired: Word.taken, ordering: .acquiring).exchanged { return }
        await enterSlowlyAsync()
    }

    /// Lets somebody else enter.
    @inline(__always)
    package func leave() {
        if word.compareExchange(expected: Word.taken, desired: 0, ordering: .releasing).exchanged { return }
        leaveSlowly()
    }

    // MARK: Waiting

    @inline(never)
    private func enterSlowly(isMaintenance: Bool) {
        if !pass() { wait(GateWaiter(isMaintenance: isMaintenance)) }
    }

    private func wait(_ waiter: GateWaiter, isFirst: Bool = false) {
        switch join(waiter, isFirst: isFirst) {
        case .inside: return
        case .first: if look(waiter) { return }
        case .behind:
            waiter.awaitWake(spins: 0) { enterBeforeTask(waiter) }
            if look(waiter) { return }
        case .due: break
        }
        waiter.awaitWake(spins: Self.spins) { enterBeforeTask(waiter) }
    }

    private func enterSlowlyAsync() async {
        if pass() { return }
        let waiter = GateWaiter(isTask: true)
        await withCheckedContinuation { continuation in
            if join(waiter, continuation) == .inside { line.withLock { _ in waiter.admit() }?.perform() }
        }
        while !isIn(waiter) {
            await withCheckedContinuation { continuation in
                if demandGate(waiter, continuation) { continuation.resume() }
            }
        }
    }

    /// A task runs that was woken. False: it is to look at the gate, or it was let in and has come too late.
    private func isIn(_ waiter: GateWaiter) -> Bool {
        line.withLock { line in
            if line.admittedTask === waiter { line.admittedTask = nil }
            return waiter.hasEntered
        }
    }

    /// Lets a thread that has waited for long in before a task that does not run: perhaps it never does as long as
    /// threads wait here, because they are all that tasks have.
    private func enterBeforeTask(_ waiter: GateWaiter) {
        line.withLock { line in
            if waiter.hasEntered { return }
            if let task = line.admittedTask {
                line.admittedTask = nil
                task.expectGate()
                line.remove(waiter)
                line.prepend(task)
                word.store(Self.taken(first: task, line), ordering: .relaxed)
            } else {
                guard let task = line.first, task.isTask, isOpen else { return }
                let isIn = word.compareExchange(
                    expected: Word.passable, desired: Self.taken(first: task, line), ordering: .acquiring)
                if !isIn.exchanged { return }
                line.remove(waiter)
            }
            waiter.admit()
        }
    }

    /// Enters an open gate past those in line.
    private func pass() -> Bool {
        word.compareExchange(
            expected: Word.passable, desired: Word.passable | Word.taken, ordering: .acquiring
        ).exchanged
    }

    /// Where one is who has joined the line: the gate was open after all, or lent; one is to look at it, or to wait.
    private enum Place {
        case inside
        case first
        case behind
        case due
    }

    private func join(
        _ waiter: GateWaiter, isFirst: Bool = false, _ continuation: CheckedContinuation<Void, Never>? = nil
    ) -> Place {
        line.withLock { line in
            if waiter.isMaintenance, line.isLent, !line.isBorrowed {
                line.isBorrowed = true
                return .inside
            }
            let comesFirst = isFirst || line.count == 0
            waiter.join(asFirst: comesFirst, continuation)
            let wasOpen = change { said in
                if said & Word.taken == 0 { return said | Word.taken }
                return comesFirst ? Self.taken(first: waiter, line) : said
            }
            if wasOpen { return .inside }
            if isFirst { line.prepend(waiter) } else { line.append(waiter) }
            if line.isWatched, !isFirst { announceDemand() }
            return waiter.isDue ? .due : waiter.isLooking ? .first : .behind
        }
    }

    /// Changes the word of a gate that others may open or take meanwhile. True: it was open.
    private func change(_ next: (UInt32) -> UInt32) -> Bool {
        var said = word.load(ordering: .relaxed)
        while true {
            let result = word.compareExchange(expected: said, desired: next(said), ordering: .acquiring)
            if result.exchanged { return said & Word.taken == 0 }
            said = result.original
        }
    }

    /// The word of a gate that is taken.
    private static func taken(first: GateWaiter?, _ line: borrowing GateLine) -> UInt32 {
        var word = line.isLent || line.isBorrowed ? Word.taken | Word.demanded : Word.taken
        guard let first else { return word }
        word |= Word.line
        if first.isLooking { word |= Word.looking }
        if first.isDue { word |= Word.demanded }
        return word
    }

    private var isOpen: Bool { word.load(ordering: .relaxed) & Word.taken == 0 }

    /// The first in line looks at the gate until it is in, or its patience has ended. True: it is in.
    private func look(_ waiter: GateWaiter) -> Bool {
        if patience == 0 { return demandGate(waiter) }
        if let taker = ThreadTurns.taker, taker.wait(until: { waiter.hasEntered || isOpen }) {
            return demandGate(waiter)
        }
        let end = cpm_monotonic_nanoseconds() + patience
        var pauses = Self.pauses.lowerBound
        repeat {
            for _ in 0..<pauses { cpm_pause() }
            pauses = min(pauses * 2, Self.pauses.upperBound)
            if waiter.hasEntered || isOpen && takeAsFirst(waiter) { return true }
            // Whoever is in may be waiting for this processor.
            sched_yield()
        } while cpm_monotonic_nanoseconds() < end
        return demandGate(waiter)
    }

    private func takeAsFirst(_ waiter: GateWaiter) -> Bool {
        line.withLock { line in
            guard line.first === waiter, isOpen else { return false }
            let next = Self.taken(first: line.second, line)
            let isIn = word.compareExchange(expected: Word.passable, desired: next, ordering: .acquiring)
            if !isIn.exchanged { return false }
            removeFirst(&line)
            return true
        }
    }

    /// From here on nobody passes the waiter, who only waits to be let in. True: it is in already.
    private func demandGate(
        _ waiter: GateWaiter, _ continuation: CheckedContinuation<Void, Never>? = nil
    ) -> Bool {
        line.withLock { line in
            if waiter.hasEntered { return true }
            waiter.expectGate(continuation)
            guard line.first === waiter else { return false }
            let behind = Self.taken(first: line.second, line)
            let wasOpen = change { $0 & Word.taken == 0 ? behind : $0 | Word.demanded }
            if !wasOpen { return false }
            removeFirst(&line)
            waiter.admit()  // whoever has given the continuation resumes it
            return true
        }
    }

    /// The first in line is in; whoever leaves from here on passes the next.
    private func removeFirst(_ line: inout GateLine) {
        line.removeFirst()
        passes.store(0, ordering: .relaxed)
    }

    // MARK: Leaving

    @inline(never)
    private func leaveSlowly() {
        let count = passes.load(ordering: .relaxed) &+ 1
        passes.store(count, ordering: .relaxed)
        let mayPass = count < Self.mostPasses
        if mayPass, reopen() { return }
        line.withLock { handOn(&$0, mayPass: mayPass) }?.perform()
    }

    /// Opens the gate, at which the first in line looks.
    private func reopen() -> Bool {
        word.compareExchange(
            expected: Word.passable | Word.taken, desired: Word.passable, ordering: .releasing
        ).exchanged
    }

    /// Whoever is in leaves, the holder or who has borrowed the gate. Who is to be woken.
    private func handOn(_ line: inout GateLine, mayPass: Bool) -> GateWake? {
        line.isBorrowed ? giveBack(&line) : letNextIn(&line, mayPass: mayPass)
    }

    /// Opens the gate or hands it over. Who is to be woken.
    private func letNextIn(_ line: inout GateLine, mayPass: Bool) -> GateWake? {
        guard let first = line.first else {
            word.store(0, ordering: .releasing)
            return nil
        }
        if first.isDue || first.isLooking && !mayPass {
            removeFirst(&line)
            word.store(Self.taken(first: line.first, line), ordering: .relaxed)
            if first.isTask { line.admittedTask = first }
            return first.admit()
        }
        defer { word.store(Word.passable, ordering: .releasing) }
        if first.isLooking { return nil }
        passes.store(0, ordering: .relaxed)
        return first.call()
    }

    /// The checkpointer is out of a gate that was lent to it, and somebody else is in. Who is to be woken.
    private func giveBack(_ line: inout GateLine) -> GateWake? {
        var next = line.lender
        line.lender = nil
        if next == nil {
            // Others of the checkpointer's kind may wait for what the lender waits for.
            next = line.removeMaintenance()
            line.isBorrowed = next != nil
        } else {
            line.isBorrowed = false
        }
        word.store(Self.taken(first: line.first, line), ordering: .relaxed)
        return next?.admit()
    }

    /// The holder lets the checkpointer in while it waits for it. Ends with ``reclaim()``.
    package func lend() {
        let borrower: GateWake? = line.withLock { line in
            line.isLent = true
            let next = line.removeMaintenance()
            line.isBorrowed = next != nil
            word.store(Self.taken(first: line.first, line), ordering: .relaxed)
            return next?.admit()
        }
        borrower?.perform()
    }

    /// The holder takes back what it has lent, as soon as the checkpointer is out.
    package func reclaim() {
        let waiter: GateWaiter? = line.withLock { line in
            line.isLent = false
            if line.isBorrowed {
                line.lender = GateWaiter(isMaintenance: true)
                if line.isWatched { announceDemand() }
            } else {
                word.store(Self.taken(first: line.first, line), ordering: .relaxed)
            }
            return line.lender
        }
        waiter?.awaitWake(spins: Self.spins)
    }
}

// MARK: - Stopping all stores

extension WriterGate {
    /// Returns when no store is under way, neither a writer's nor a checkpoint's; none begins before ``goOn()``.
    ///
    /// Waits for the transaction at work, and for nobody in line.
    package func stopStores() {
        barrier.close()
        if word.compareExchange(expected: 0, desired: Word.taken, ordering: .acquiring).exchanged { return }
        wait(GateWaiter(isMaintenance: true), isFirst: true)
    }

    /// Whoever is the first in line is in when this returns, before those who come: stores may be stopped again at
    /// once.
    package func goOn() {
        let wake = line.withLock { line in
            if !line.isBorrowed { line.first?.demand() }
            return handOn(&line, mayPass: false)
        }
        wake?.perform()
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

    private func isSomebodyThere(_ line: borrowing GateLine) -> Bool {
        line.count > 0 || line.lender != nil || barrier.isWaitedAt
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
