internal import CPmem
internal import Glibc

/// An open store's files: a directory of segments, mapped one behind the other into one address range.
///
/// Safe for use by several threads, except that ``grow(byteCount:)`` is called by one thread at a time and nothing is
/// called during or after ``close()``.
@safe package final class SegmentDirectory: @unchecked Sendable {
    /// What is open. Gone after ``close()``.
    private struct Files {
        let directory: OpenFile
        let lock: StoreLock
        var sealed: [SealedSegment]
    }

    /// Where offset 0 is mapped.
    package let base: UnsafeMutableRawPointer
    /// Size of the reserved address range; the store cannot grow beyond it without being opened anew.
    package let addressBytes: UInt64
    /// The store's own, as given at creation.
    package let identifier: (UInt64, UInt64)
    package let persistence: PersistenceReport
    /// Whether the files still back the mapping.
    package let health: MappingHealth

    private let keeper: LeaseKeeper
    private let mapping: Mapping
    /// The files, where ``mapping`` is a copy of them: in power-cut mode.
    private let durable: Mapping?
    private let deferred: DeferredWrites
    private let elidesFences: Bool
    private let files: Locked<Files?>

    private init(
        _ store: LockedStore, _ mapping: Mapping, durable: Mapping?, _ persistence: PersistenceReport,
        _ keeper: LeaseKeeper,
        options: StoreOptions
    ) {
        unsafe base = mapping.base
        addressBytes = mapping.byteCount
        identifier = (store.identifier.low, store.identifier.high)
        self.persistence = persistence
        self.mapping = mapping
        self.durable = durable
        self.keeper = keeper
        health = keeper.health
        if let durable, let mode = options.powerCut {
            deferred = PowerCutLines(mode, volatile: mapping, durable: durable, health: keeper.health)
        } else {
            deferred = PendingPages(path: store.directory.path, health: keeper.health)
        }
        elidesFences = options.elidesFencesOnVolatileMedium
        files = Locked(Files(directory: store.directory, lock: store.lock, sealed: store.sealed))
    }

    deinit { close() }

    /// Opens the store at `path`: locks, checks and maps it. A refusal leaves every byte as it was.
    package static func open(path: String, options: StoreOptions) throws(StoreError) -> SegmentDirectory {
        let store = try LockedStore(path: path, options: options)
        let persistence = PersistenceReport(
            descriptor: store.sealed[0].file.descriptor, fileSystem: store.fileSystem, options: options)
        guard !options.elidesFencesOnVolatileMedium || persistence.domain == .volatile else {
            let reason = "the medium is not volatile: \(persistence.reason)"
            throw .open(.invalidOption(name: "elidesFencesOnVolatileMedium", reason: reason))
        }
        try store.settleNames()
        let mapping = try map(store, persistence.backing)
        let durable = options.powerCut == nil ? nil : try map(store, .shared)
        let keeper = try keep(store, mapping, persistence, options)
        store.removeDebris()
        return SegmentDirectory(store, mapping, durable: durable, persistence, keeper, options: options)
    }

    /// Takes leases and seals, and requires what the options demand of them.
    private static func keep(
        _ store: LockedStore, _ mapping: Mapping, _ persistence: PersistenceReport, _ options: StoreOptions
    ) throws(StoreError) -> LeaseKeeper {
        let path = store.directory.path
        let health = MappingHealth(path: path)
        if !health.guard(mapping, againstBusErrors: options.catchesBusErrors) {
            throw .open(.system(call: "sigaction", path: path, code: ENOMEM))
        }
        let ground = LeaseGround(
            store.sealed[0].file, fileSystem: store.fileSystem, isDirect: persistence.mapSync,
            options: options)
        let keeper = LeaseKeeper(health: health, ground: ground)
        do throws(StoreError) {
            for sealed in store.sealed {
                keeper.adopt(sealed.leased(in: store.directory)) {
                    mapping.acceptsFirstStore(at: sealed.segment.baseOffset)
                }
            }
            // Measured once before the lease was had; since then nothing can happen unnoticed.
            try keeper.verify()
            try keeper.require(options.minimumLease, path: path)
        } catch {
            keeper.dismissAll()
            health.unguard()
            throw error
        }
        return keeper
    }

    /// From here on visitors are received; `traffic` stops all stores where they could do harm. Ends with
    /// ``endWatching()``.
    func beginWatching(_ traffic: any StoreTraffic) { keeper.begin(holding: traffic) }

    /// Before the last store: what `traffic` belongs to is about to go.
    func endWatching() { keeper.end() }

    private static func map(_ store: LockedStore, _ backing: Mapping.Backing) throws(StoreError) -> Mapping {
        let path = store.directory.path
        return try FailureStage.opening.attempt(path) { () throws(SystemFailure) in
            let needed = store.sealed.last?.segment.endOffset ?? 0
            let sizes = Mapping.reservationSizes.filter { $0 >= needed }
            guard !sizes.isEmpty else { throw SystemFailure(call: "mmap", code: ENOMEM) }
            let mapping = try Mapping.reserve(sizes)
            for sealed in store.sealed {
                try mapping.map(
                    descriptor: sealed.file.descriptor, at: sealed.segment.baseOffset,
                    byteCount: sealed.segment.byteCount, backing)
            }
            return mapping
        }
    }

    // MARK: What is there

    /// Ascending. Empty after ``close()``.
    package var segments: [Segment] {
        files.withLock { $0?.sealed.map(\.segment) ?? [] }
    }

    /// End of the last segment.
    package var byteCount: UInt64 {
        files.withLock { $0?.sealed.last?.segment.endOffset ?? 0 }
    }

    /// What keeps others from changing the block map.
    package var lease: LeaseReport {
        health.isInherited ? LeaseReport(level: .none, reason: health.reason) : keeper.report
    }

    /// How often somebody has opened a segment, and how long stores have stood still for them.
    package var visits: (count: UInt64, nanoseconds: UInt64) { keeper.visits }

    /// Paths of the segments whose blocks were moved while no store had them open. Their contents are unharmed.
    package var movedSegments: [String] {
        files.withLock { $0?.sealed.filter(\.hasMoved).map(\.segment.path) ?? [] }
    }

    /// The door to this store's mapping, for one thread. Valid until ``close()``.
    package func medium(counters: UnsafeMutablePointer<MediumCounters>) -> DirectMedium {
        unsafe DirectMedium(
            base: base, discipline: persistence.discipline, elidesFences: elidesFences, counters: counters,
            deferred: deferred)
    }

    /// Measures every block map again and throws when one is not what it was.
    package func verifyExtents() throws(StoreError) {
        try health.requireOwnProcess()
        try keeper.verify()
    }

    /// Measures what the files lie on. About 2 microseconds for each.
    package func preallocation() throws(StoreError) -> [PreallocationReport.File] {
        try health.requireOwnProcess()
        var measured: [PreallocationReport.File] = []
        for sealed in files.withLock({ $0?.sealed ?? [] }) { measured.append(try sealed.preallocation()) }
        return measured
    }

    // MARK: Growth

    /// Builds one more segment of at least `byteCount` bytes and maps it behind the last. Commits may run meanwhile.
    ///
    /// What is there is not touched; a failure removes what it has built.
    package func grow(byteCount: UInt64) throws(StoreError) -> Segment {
        guard let (directory, end, index) = files.withLock({ Self.frontier($0) }) else {
            throw .transaction(.closed)
        }
        let layout = try self.layout(index: index, baseOffset: end, byteCount: byteCount)
        let manager = try PreallocationManager(directory: directory, stage: .running)
        let identifier = StoreIdentifier(low: identifier.0, high: identifier.1)
        let sealed = try manager.build(layout, identifier: identifier) { (_, _) throws(StoreError) in }
        do {
            try map(sealed)
        } catch {
            mapping.unmap(at: end, byteCount: layout.byteCount)
            durable?.unmap(at: end, byteCount: layout.byteCount)
            manager.discard(sealed)
            throw error
        }
        try adopt(sealed)
        return sealed.segment
    }

    private static func frontier(_ files: Files?) -> (OpenFile, UInt64, Int)? {
        guard let files, let last = files.sealed.last?.segment else { return nil }
        return (files.directory, last.endOffset, last.index + 1)
    }

    private func layout(index: Int, baseOffset: UInt64, byteCount: UInt64) throws(StoreError) -> SegmentLayout
    {
        // Two chunks at least: the first is partly taken by header and chunk table.
        let wanted = max(byteCount, 2 * SegmentLayout.chunkBytes)
        guard
            let size = SegmentLayout.chunkAlignedSize(wanted), size <= addressBytes - baseOffset,
            let layout = SegmentLayout(index: index, baseOffset: baseOffset, byteCount: size, logBytes: 0)
        else {
            throw .commit(.full(quotaBytes: addressBytes, neededBytes: wanted))
        }
        return layout
    }

    private func map(_ sealed: SealedSegment) throws(StoreError) {
        let segment = sealed.segment
        try FailureStage.running.attempt(segment.path) { () throws(SystemFailure) in
            try durable?.map(
                descriptor: sealed.file.descriptor, at: segment.baseOffset, byteCount: segment.byteCount,
                .shared)
            try mapping.map(
                descriptor: sealed.file.descriptor, at: segment.baseOffset, byteCount: segment.byteCount,
                persistence.backing)
            try mapping.prefault(
                segment.baseOffset, segment.byteCount, dirtying: persistence.discipline != .deferred)
        }
    }

    private func adopt(_ sealed: SealedSegment) throws(StoreError) {
        guard let directory = files.withLock({ $0?.directory }) else { throw .transaction(.closed) }
        keeper.adopt(sealed.leased(in: directory)) { [mapping] in
            mapping.acceptsFirstStore(at: sealed.segment.baseOffset)
        }
        files.withLock { $0?.sealed.append(sealed) }
        // A clone that is just being taken is no reason to refuse a segment that is there.
        try keeper.verify(toleratesShares: true)
    }

    /// Removes the last segment, which nothing names any more. Not beside ``grow(byteCount:)``.
    package func removeLast() throws(StoreError) {
        guard let (directory, last) = files.withLock({ Self.takeLast(&$0) }) else { return }
        keeper.dismiss(last.file)
        mapping.unmap(at: last.segment.baseOffset, byteCount: last.segment.byteCount)
        durable?.unmap(at: last.segment.baseOffset, byteCount: last.segment.byteCount)
        try FailureStage.running.attempt(last.segment.path) { () throws(SystemFailure) in
            guard unsafe unlink(last.segment.path) == 0 else { throw SystemFailure("unlink") }
            try directory.synchronize()
        }
    }

    private static func takeLast(_ files: inout Files?) -> (OpenFile, SealedSegment)? {
        guard let directory = files?.directory, files?.sealed.count ?? 0 > 1 else { return nil }
        return files?.sealed.popLast().map { (directory, $0) }
    }

    // MARK: Closing

    /// Unmaps the store and lets go of leases and lock. Once is enough, twice is harmless.
    package func close() {
        // Everything of it is the parent's, its threads and leases, too.
        if health.isInherited { return }
        guard let open = files.withLock({ $0.take() }) else { return }
        keeper.end()
        // The mapping before the lock: whoever opens next must be the only one that can store.
        health.unguard()
        mapping.release()
        durable?.release()
        keeper.dismissAll()
        withExtendedLifetime(open.lock) {}
    }
}
