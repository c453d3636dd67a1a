internal import CPmem
internal import Glibc
internal import Synchronization

/// An ordered, transactional key-value store on persistent memory.
///
///     let store = try Store.open("/mnt/pmem0/orders")
///     try store.write { tx in try tx.put("open", forKey: "order 17") }        // durable when it returns
///     let state = try store.read { tx in try tx.get("order 17") }
///
/// Safe to use from any number of threads and tasks. Readers never wait; writers take turns, in order.
public final class Store: Sendable {
    let ground: any StoreGround
    let engine: Engine<DirectMedium>
    // What a read needs, at hand: taken from the engine each time, it would cost counting a reference.
    private let readers: ReaderTable
    private let space: NodeSpace<DirectMedium>
    private let health: MappingHealth
    /// Where the store lies.
    public let path: String
    /// Time that opening took, in nanoseconds, and what it had to replay.
    public let openReport: OpenReport
    private let counters: Counters
    private let state = Locked<State>(.open)
    private let isClosed = Atomic<Bool>(false)

    private enum State { case open, closing, closed }

    /// What opening a store had to do.
    public struct OpenReport: Sendable, Equatable {
        /// Time that ``Store/open(_:options:)`` took, in nanoseconds.
        public let nanoseconds: UInt64
        /// Operations of the commit log that were replayed; 0 after a clean close.
        public let replayedOperations: UInt64
        /// Time that replaying them took, in nanoseconds.
        public let replayNanoseconds: UInt64
    }

    /// Opens the store at a path, which is a directory; creates it when nothing is there.
    ///
    /// Takes O(length of the commit log), whatever the store's size. Two fences.
    ///
    /// - Throws: ``StoreError/open(_:)`` and ``StoreError/corrupted(_:)``; what is refused is left as it was.
    public static func open(
        _ path: String, options: StoreOptions = StoreOptions()
    ) throws(StoreError) -> Store {
        let begun = cpm_monotonic_nanoseconds()
        let options = try options.completedByEnvironment()
        try options.validate()
        try StoreCreator(path: path, options: options).createIfNeeded()
        let directory = try SegmentDirectory.open(path: path, options: options)
        do throws(StoreError) {
            return try Store(path: path, ground: directory, options: options, begun: begun)
        } catch {
            directory.close()
            throw error
        }
    }

    init(
        path: String, ground: any StoreGround, options: StoreOptions,
        begun: UInt64 = cpm_monotonic_nanoseconds()
    ) throws(StoreError) {
        self.path = path
        self.ground = ground
        counters = Counters()
        let readers = try FailureStage.opening.attempt(path) { () throws(SystemFailure) in
            try ReaderTable.claim()
        }
        let recovery = unsafe ground.recovery(ground.medium(.writer, counters: counters.writer), path: path)
        let recovered: Recovery<DirectMedium>.Result
        do throws(StoreError) {
            recovered = try recovery.recover(options: options, readers: readers)
        } catch {
            readers.deallocate()
            throw error
        }
        engine = unsafe Engine(
            recovered: recovered, readers: readers,
            checkpointMedium: ground.medium(.checkpointer, counters: counters.checkpointer),
            growth: ground.growth, quotaBytes: options.quotaBytes)
        self.readers = readers
        space = engine.space
        health = ground.health
        openReport = OpenReport(
            nanoseconds: cpm_monotonic_nanoseconds() - begun,
            replayedOperations: recovered.replayedOperations,
            replayNanoseconds: recovered.replayNanoseconds)
        ground.begin(engine)
    }

    deinit {
        // Everything of it is the parent's: its threads, its locks, and who was at work when the process was forked.
        if health.isInherited { return }
        if !isClosed.load(ordering: .acquiring) { finishClosing() }
        engine.deallocate()
    }

    // MARK: Transactions

    /// Runs `body` on a stable view of the newest commit. Never waits for anybody. No fence.
    @inlinable
    public func read<R>(_ body: (borrowing ReadTransaction) throws -> R) throws -> R {
        try read(try beginRead(), body)
    }

    /// Runs `body` in a transaction that has begun, and ends that. Inlined with `body`: a get is short.
    @inlinable
    @inline(__always)
    func read<R>(
        _ transaction: consuming ReadTransaction, _ body: (borrowing ReadTransaction) throws -> R
    ) throws -> R {
        let result: R
        do {
            result = try body(transaction)
        } catch {
            _ = endRead(transaction)
            throw error
        }
        if !endRead(transaction) { throw readFailure }
        return result
    }

    /// Runs `body` as a transaction and commits it: one fence, whatever its size, none when nothing changed.
    ///
    /// When it returns, the changes are durable (as far as ``persistence`` says). When `body` throws, nothing has
    /// happened. Writers that wait are let in in the order in which they came; others may pass the first of them, but
    /// 256 at most, and nobody once it has looked for a tenth of a millisecond.
    ///
    /// - Throws: what `body` throws; ``StoreError/commit(_:)``; ``StoreError/TransactionFailure/closed``; within a
    ///   `write` of the same thread ``StoreError/TransactionFailure/nestedWrite``, because it would wait for itself.
    @discardableResult
    public func write<R>(_ body: (inout WriteTransaction) throws -> R) throws -> R {
        try requireTurn()
        let gate = unsafe Unmanaged.passUnretained(engine.gate)
        unsafe gate._withUnsafeGuaranteedRef { $0.enter() }
        defer { unsafe gate._withUnsafeGuaranteedRef { $0.leave() } }
        return try runWrite(body)
    }

    /// As the other `write`, for tasks: suspends instead of blocking while another writer is at work, and otherwise
    /// stays on its thread. `body` is synchronous, so a transaction is never carried across `await`.
    @discardableResult
    public func write<R>(_ body: (inout WriteTransaction) throws -> R) async throws -> R {
        try requireTurn()
        await engine.gate.enterAsync()
        defer { engine.gate.leave() }
        return try runWrite(body)
    }

    /// As the other `read`; it never suspends.
    public func read<R>(_ body: (borrowing ReadTransaction) throws -> R) async throws -> R {
        try read(try beginRead(), body)
    }

    /// Who would wait for itself, or for a thread that is not in this process, is told.
    @inline(__always)
    private func requireTurn() throws(StoreError) {
        try health.requireOwnProcess()
        if engine.gate.isMine { throw .transaction(.nestedWrite) }
    }

    @inline(__always)
    private func runWrite<R>(_ body: (inout WriteTransaction) throws -> R) throws -> R {
        if isClosed.load(ordering: .relaxed) { throw StoreError.transaction(.closed) }
        if !health.isWhole { engine.writer.poisonReason = engine.writer.poisonReason ?? health.reason }
        if let reason = engine.writer.poisonReason { throw StoreError.commit(.poisoned(reason: reason)) }
        engine.gate.setOwner(true)
        defer { engine.gate.setOwner(false) }
        engine.writer.begin()
        var transaction = WriteTransaction(engine: engine)
        do {
            let result = try body(&transaction)
            _ = try engine.writer.commitTransaction()
            return result
        } catch {
            engine.writer.abandon()
            // Whatever it was, it was met in a mapping that is not whole.
            if !health.isWhole { throw StoreError.commit(.poisoned(reason: health.reason)) }
            throw error
        }
    }

    /// Pins the newest commit for as long as the returned object lives. See ``Snapshot``.
    ///
    /// - Throws: ``StoreError/TransactionFailure/tooManyReaders(limit:)``, ``StoreError/TransactionFailure/closed``.
    public func snapshot() throws(StoreError) -> Snapshot {
        try health.requireOwnProcess()
        return Snapshot(store: self, pin: try pin())
    }

    /// A view of the newest commit, to be ended by ``endRead(_:)``.
    @usableFromInline
    @_lifetime(immortal)
    func beginRead() throws(StoreError) -> ReadTransaction {
        let pin = try pin()
        if health.isWhole { return ReadTransaction(space: space, pin: pin, isPinOwner: true) }
        do throws(StoreError) {
            return try beginWaryRead(pin, isPinOwner: true)
        } catch {
            readers.unpin(pin)
            throw error
        }
    }

    /// A view of a commit that somebody else keeps pinned.
    @_lifetime(immortal)
    func beginRead(_ pin: ReaderTable.Pin) throws(StoreError) -> ReadTransaction {
        if health.isWhole { return ReadTransaction(space: space, pin: pin, isPinOwner: false) }
        return try beginWaryRead(pin, isPinOwner: false)
    }

    /// A read in a store whose files do not back the mapping as they did: every node and record that it touches is
    /// verified, and it fails when a page turns out to be missing meanwhile.
    @inline(never)
    @_lifetime(immortal)
    private func beginWaryRead(
        _ pin: ReaderTable.Pin, isPinOwner: Bool
    ) throws(StoreError) -> ReadTransaction {
        try health.requireOwnProcess()
        return ReadTransaction(
            space: space.trustingNothing, pin: pin, isPinOwner: isPinOwner, faults: health.faults)
    }

    /// Gives back what a read holds. False: what it has read may not be what was written.
    @usableFromInline
    func endRead(_ transaction: borrowing ReadTransaction) -> Bool {
        transaction.unpin(readers)
        if transaction.isWary { transaction.space.verified.deallocate() }
        return health.faults == transaction.faults
    }

    @usableFromInline
    var readFailure: StoreError { health.readFailure }

    @inline(__always)
    func pin() throws(StoreError) -> ReaderTable.Pin {
        // The reader table outlives close(), so that a late reader can ask. Pin first, as close() looks at pins last.
        let pin = try readers.pin()
        if isClosed.load(ordering: .sequentiallyConsistent) {
            readers.unpin(pin)
            throw .transaction(.closed)
        }
        return pin
    }

    // MARK: Upkeep

    /// Saves the newest commit in trees and tables, so that opening has nothing to replay. Two fences.
    ///
    /// Happens in the background by itself; readers and writers go on meanwhile.
    public func checkpoint() throws(StoreError) {
        try requireTurn()
        if isClosed.load(ordering: .acquiring) { throw .transaction(.closed) }
        try engine.checkpoint()
        if let reason = engine.poisonReason() { throw .commit(.poisoned(reason: reason)) }
    }

    /// Gives whole segment files at the store's end that hold nothing back to the file system. Two checkpoints each.
    ///
    /// What is in use is not moved, so how much comes back is a matter of luck. Readers and writers go on meanwhile.
    ///
    /// - Returns: the number of files.
    @discardableResult
    public func shrink() throws(StoreError) -> Int {
        try requireTurn()
        if isClosed.load(ordering: .acquiring) { throw .transaction(.closed) }
        return try engine.shrink()
    }

    /// Ends the store's use: a last checkpoint, then the files are let go. Twice is harmless.
    ///
    /// Waits for the writer at work, and up to one second for readers. A last checkpoint that fails is not reported:
    /// the next open recovers every commit from the log.
    ///
    /// - Throws: ``StoreError/TransactionFailure/readersOpen(count:)`` when snapshots or reads are open after that
    ///   second; the store then stays open. ``StoreError/TransactionFailure/nestedWrite`` within a `write`.
    public func close() throws(StoreError) {
        try requireTurn()
        let isMine = state.withLock { state in
            if state != .open { return false }
            state = .closing
            return true
        }
        if !isMine { return }
        isClosed.store(true, ordering: .sequentiallyConsistent)
        do throws(StoreError) {
            try waitForReaders()
        } catch {
            isClosed.store(false, ordering: .sequentiallyConsistent)
            state.withLock { $0 = .open }
            throw error
        }
        finishClosing()
        state.withLock { $0 = .closed }
    }

    /// A read that is under way ends soon; a snapshot may not.
    private func waitForReaders() throws(StoreError) {
        let limit = cpm_monotonic_nanoseconds() + 1_000_000_000
        engine.gate.enter()
        defer { engine.gate.leave() }
        while true {
            let open = engine.readers.openCount - engine.checkpointer.pinCount
            if open <= 0 { return }
            if cpm_monotonic_nanoseconds() > limit { throw .transaction(.readersOpen(count: open)) }
            sched_yield()
        }
    }

    private func finishClosing() {
        // A store that cannot be saved is recovered from its log when it is opened next.
        if ground.prepareToEnd(engine) { _ = try? engine.checkpoint(isClosing: true) }
        engine.endCheckpoints()
        ground.close()
        isClosed.store(true, ordering: .releasing)
    }

    // MARK: What it is on

    /// The persistence domain and how it was found out.
    public var persistence: PersistenceReport { ground.persistence }

    /// What keeps others from changing the files' block map.
    public var lease: LeaseReport { ground.lease }

    /// Measures the block maps of all segments again. About 2 microseconds for each segment file.
    ///
    /// Happens by itself once a second, after each growth, and whenever somebody else has had a file open.
    ///
    /// - Throws: ``StoreError/OpenFailure/extentsChanged(path:reason:)``; the store is poisoned from then on.
    public func verifyExtents() throws(StoreError) { try ground.verifyExtents() }

    /// What the files lie on, measured now: extents, alignment, what was never written, and space that is ready.
    public var preallocation: PreallocationReport {
        get throws(StoreError) {
            PreallocationReport(
                files: try ground.preallocation(), headroomBytes: statistics.freeBytes)
        }
    }

    /// Where the bytes of the files are. O(chunks of 2 MiB), while writers wait.
    public var spaceUse: SpaceUse { health.isInherited ? SpaceUse() : engine.spaceUse() }

    /// Numbers of the store's work since it was opened.
    public var statistics: Statistics {
        let writer = unsafe counters.writer.pointee
        let checkpointer = unsafe counters.checkpointer.pointee
        // In a child of `fork`, whoever holds the gate never leaves it.
        let space = health.isInherited ? (freeBytes: 0, logBytes: 0) : engine.spaceInUse()
        return Statistics(
            commits: engine.readers.newestCommit, commitMedium: MediumStatistics(writer),
            checkpointMedium: MediumStatistics(checkpointer), fileBytes: ground.byteCount,
            freeBytes: space.freeBytes, logBytes: space.logBytes, segments: ground.segmentCount,
            visits: ground.visits.count, stoppedNanoseconds: ground.visits.nanoseconds)
    }
}

/// Where the two writing threads count what passes through their medium.
@safe private final class Counters: @unchecked Sendable {
    let writer: UnsafeMutablePointer<MediumCounters>
    let checkpointer: UnsafeMutablePointer<MediumCounters>

    init() {
        // A cache line apart, because two threads count at the same time.
        let start = UnsafeMutableRawPointer.allocate(byteCount: 256, alignment: 64)
        unsafe writer = unsafe start.initializeMemory(as: MediumCounters.self, to: MediumCounters())
        unsafe checkpointer = unsafe (start + 128).initializeMemory(
            as: MediumCounters.self, to: MediumCounters())
    }

    deinit { unsafe UnsafeMutableRawPointer(writer).deallocate() }
}
