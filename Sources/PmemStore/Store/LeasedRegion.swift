internal import CPmem
internal import Glibc

/// A region of persistent memory for a byte-addressable format of the application's own, with what a ``Store`` has
/// underneath: final extents, a lease, a seal where it can be had, and an error instead of a signal when the promise is
/// broken.
///
///     let region = try LeasedRegion.create("/mnt/pmem0/ring", byteCount: 64 << 20)
///     try region.copy(record, to: 4096)      // durable when it returns
///     try region.store(4096 + 64, at: 0)                // atomic, and durable when it returns
///
/// The region's bytes are one address range that grows at its end. Offsets count from the region's first byte. Safe for
/// use by several threads; calls that store take turns.
@safe public final class LeasedRegion: @unchecked Sendable {
    /// Where the region lies: a directory with one file and a lock.
    public let path: String
    /// How stores become durable here, and how that was found out.
    public let persistence: PersistenceReport

    private let mapping: Mapping
    private let health: MappingHealth
    private let keeper: LeaseKeeper
    private let gate = WriterGate()
    private let pages: PendingPages
    private let counters: UnsafeMutablePointer<MediumCounters>
    private let medium: DirectMedium
    /// Gone after ``close()``. Changes under the gate.
    private var file: RegionFile?
    private let size: UnsafeMutablePointer<UInt64>

    /// Creates a region of so many bytes, all zero, and opens it.
    ///
    /// - Parameters:
    ///   - byteCount: Rounded up to whole pages of 4096.
    ///   - options: Those that concern files: medium, lease, seal, visitors, bus errors.
    /// - Throws: ``StoreError/open(_:)``; what was made is removed then, but for an empty directory.
    public static func create(
        _ path: String, byteCount: Int, options: StoreOptions = StoreOptions()
    ) throws(StoreError) -> LeasedRegion {
        try RegionFile.create(path, byteCount: try pages(byteCount), options: options)
        return try open(path, options: options)
    }

    /// Opens a region. A refusal leaves every byte as it was.
    ///
    /// - Throws: ``StoreError/open(_:)``.
    public static func open(
        _ path: String, options: StoreOptions = StoreOptions()
    ) throws(StoreError) -> LeasedRegion {
        try LeasedRegion(RegionFile(opening: path, options: options), path, options)
    }

    private init(_ file: RegionFile, _ path: String, _ options: StoreOptions) throws(StoreError) {
        self.path = path
        let persistence = PersistenceReport(
            descriptor: file.file.descriptor, fileSystem: file.fileSystem, options: options)
        let mapping = try Self.map(file, persistence)
        let health = MappingHealth(path: path)
        if !health.guard(mapping, againstBusErrors: options.catchesBusErrors) {
            throw .open(.system(call: "sigaction", path: path, code: ENOMEM))
        }
        let ground = LeaseGround(
            file.file, fileSystem: file.fileSystem, isDirect: persistence.mapSync, options: options)
        keeper = LeaseKeeper(health: health, ground: ground)
        pages = PendingPages(path: path, health: health)
        unsafe counters = .allocate(capacity: 1)
        unsafe counters.initialize(to: MediumCounters())
        unsafe size = .allocate(capacity: 1)
        unsafe size.initialize(to: file.header.byteCount)
        medium = unsafe DirectMedium(
            base: mapping.base, discipline: persistence.discipline, elidesFences: false, counters: counters,
            deferred: pages)
        (self.file, self.mapping, self.health, self.persistence) = (file, mapping, health, persistence)
        keeper.adopt(file.leased) { mapping.acceptsFirstStore(at: 0) }
        try keeper.verify()
        try keeper.require(options.minimumLease, path: path)
        keeper.begin(holding: RegionTraffic(gate: gate))
    }

    private static func map(
        _ file: RegionFile, _ persistence: PersistenceReport
    ) throws(StoreError) -> Mapping {
        try FailureStage.opening.attempt(file.path) { () throws(SystemFailure) in
            let sizes = Mapping.reservationSizes.filter { $0 >= file.header.fileBytes }
            guard !sizes.isEmpty else { throw SystemFailure(call: "mmap", code: ENOMEM) }
            let mapping = try Mapping.reserve(sizes)
            try mapping.map(
                descriptor: file.file.descriptor, at: 0, byteCount: file.header.fileBytes,
                persistence.backing)
            return mapping
        }
    }

    private static func pages(_ byteCount: Int) throws(StoreError) -> UInt64 {
        guard byteCount > 0, byteCount <= Int(SegmentLayout.byteLimit) - 8192 else {
            throw .open(.invalidOption(name: "byteCount", reason: "no region has \(byteCount) bytes"))
        }
        return (UInt64(byteCount) + 4095) & ~4095
    }

    deinit {
        close()
        unsafe counters.deallocate()
        unsafe size.deallocate()
    }

    // MARK: What it is

    /// Bytes of the region.
    public var byteCount: Int { unsafe Int(cpm_load8_acquire(size)) }

    /// What keeps others from changing the block map now.
    public var lease: LeaseReport {
        health.isInherited ? LeaseReport(level: .none, reason: health.reason) : keeper.report
    }

    /// Measures the block map again; about 2 microseconds.
    ///
    /// - Throws: ``StoreError/OpenFailure/extentsChanged(path:reason:)``; nothing becomes durable from then on.
    public func verify() throws(StoreError) {
        try health.requireOwnProcess()
        try keeper.verify()
    }

    // MARK: Reading

    /// Lends bytes of the region, in place. Others may store to them meanwhile; that is for the format to order.
    ///
    /// - Throws: what `body` throws; ``StoreError/TransactionFailure/outOfBounds(offset:byteCount:limit:)``; for a file
    ///   that does not back the region any more ``StoreError/corrupted(_:)``.
    public func withBytes<R>(
        in range: Range<Int>, _ body: (RawSpan) throws -> R
    ) throws -> R {
        try check(range.lowerBound, range.count)
        if !health.isWhole { throw health.readFailure }
        let bytes = unsafe UnsafeRawBufferPointer(
            start: medium.read(Self.place(range.lowerBound), range.count), count: range.count)
        let result = try unsafe body(bytes.bytes)
        if !health.isWhole { throw health.readFailure }
        return result
    }

    /// A copy of bytes of the region. As ``withBytes(in:_:)``.
    public func bytes(in range: Range<Int>) throws -> [UInt8] {
        try withBytes(in: range) { span in unsafe span.withUnsafeBytes { unsafe [UInt8]($0) } }
    }

    /// An aligned word. As ``withBytes(in:_:)``.
    public func load(at offset: Int) throws(StoreError) -> UInt64 {
        try checkWord(offset)
        let word = medium.load8(Self.place(offset))
        if !health.isWhole { throw health.readFailure }
        return UInt64(littleEndian: word)
    }

    // MARK: Storing

    /// Copies bytes into the region by non-temporal stores. Durable when it returns: one fence. After a crash on the
    /// way, any of its aligned words may be there.
    public func copy(_ bytes: RawSpan, to offset: Int) throws(StoreError) {
        try check(offset, bytes.byteCount)
        try whileStoring { () throws(StoreError) in
            unsafe bytes.withUnsafeBytes { (source: UnsafeRawBufferPointer) in
                guard let start = source.baseAddress else { return }
                unsafe medium.copyIn(Self.place(offset), start, source.count)
            }
            try medium.drain()
        }
    }

    /// As the other `copy`.
    public func copy(_ bytes: [UInt8], to offset: Int) throws(StoreError) {
        try unsafe copy(bytes.span.bytes, to: offset)
    }

    /// Stores an aligned word, which is there whole or not at all after a crash. Durable when it returns: one fence.
    public func store(_ word: UInt64, at offset: Int) throws(StoreError) {
        try checkWord(offset)
        try whileStoring { () throws(StoreError) in
            medium.store8(Self.place(offset), word.littleEndian)
            medium.flush(Self.place(offset), 8)
            try medium.drain()
        }
    }

    /// Lends bytes of the region for changes in place. They become durable by ``persist(_:)``, which may be called from
    /// within `body`, and some of them by themselves, in any order, before.
    public func withMutableBytes<R>(
        in range: Range<Int>, _ body: (inout MutableRawSpan) throws -> R
    ) throws -> R {
        try check(range.lowerBound, range.count)
        return try whileStoring {
            let start = unsafe mapping.base + Int(Self.place(range.lowerBound))
            let buffer = unsafe UnsafeMutableRawBufferPointer(start: start, count: range.count)
            var span = unsafe MutableRawSpan(_unsafeBytes: buffer)
            return try body(&span)
        }
    }

    /// Makes bytes durable that were changed in place: a flush of their lines, and one fence.
    public func persist(_ range: Range<Int>) throws(StoreError) {
        try check(range.lowerBound, range.count)
        try whileStoring { () throws(StoreError) in
            medium.flush(Self.place(range.lowerBound), range.count)
            try medium.drain()
        }
    }

    /// Grows the region at its end to at least so many bytes, which are zero. Addresses stay; what is there is not
    /// touched. A failure leaves the region as it was.
    ///
    /// - Throws: ``StoreError/CommitFailure/noSpace(path:neededBytes:)``, and what the system refuses.
    public func grow(toByteCount byteCount: Int) throws(StoreError) {
        let wanted = try Self.pages(byteCount)
        try health.requireOwnProcess()
        try whileStoring { () throws(StoreError) in
            guard var grown = file else { throw .transaction(.closed) }
            let before = grown.header.fileBytes
            guard wanted > grown.header.byteCount else { return }
            guard RegionHeader.byteCount + wanted <= mapping.byteCount else {
                throw .commit(.full(quotaBytes: mapping.byteCount, neededBytes: wanted))
            }
            // An append-only file can be mapped for reading only.
            try keeper.withoutSeal(grown.file) { () throws(StoreError) in
                try grown.grow(to: wanted)
                try mapTail(of: grown, from: before)
            }
            keeper.replace(grown.leased)
            file = grown
            unsafe cpm_store8_release(size, wanted)
        }
        try keeper.verify()
    }

    private func mapTail(of grown: RegionFile, from before: UInt64) throws(StoreError) {
        try FailureStage.running.attempt(grown.path) { () throws(SystemFailure) in
            try mapping.map(
                descriptor: grown.file.descriptor, at: before, byteCount: grown.header.fileBytes - before,
                persistence.mapSync ? .synchronous : .shared, from: before)
        }
    }

    /// Ends the region's use; every lent byte is invalid from here on. Twice is harmless.
    public func close() {
        if health.isInherited { return }
        keeper.end()
        gate.enter()
        defer { gate.leave() }
        guard file != nil else { return }
        unsafe cpm_store8_release(size, 0)
        // The mapping before the lock: whoever opens next must be the only one that can store.
        health.unguard()
        mapping.release()
        keeper.dismissAll()
        file = nil
    }

    // MARK: Details

    private static func place(_ offset: Int) -> UInt64 { RegionHeader.byteCount + UInt64(offset) }

    private func check(_ offset: Int, _ count: Int) throws(StoreError) {
        try health.requireOwnProcess()
        let limit = byteCount
        guard offset >= 0, count >= 0, offset <= limit, count <= limit - offset else {
            throw .transaction(.outOfBounds(offset: offset, byteCount: count, limit: limit))
        }
    }

    private func checkWord(_ offset: Int) throws(StoreError) {
        guard offset.isMultiple(of: 8) else { throw .transaction(.misaligned(offset: offset)) }
        try check(offset, 8)
    }

    /// Stores stand still while a visitor could do harm. Also within a call of the same thread.
    private func whileStoring<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        if gate.isMine { return try body() }
        gate.enter()
        gate.setOwner(true)
        defer {
            gate.setOwner(false)
            gate.leave()
        }
        return try body()
    }
}

/// How the keeper of the lease holds up a region's stores. Not the region itself, which could never be let go then.
private struct RegionTraffic: StoreTraffic {
    let gate: WriterGate

    func stop() { gate.stopStores() }
    func go() { gate.goOn() }
    func isWanted(within nanoseconds: Int64) -> Bool { gate.isWanted(within: nanoseconds) }
    /// Every call that stores ends with a look at the mapping's health.
    func fail(_ reason: String) {}
}
