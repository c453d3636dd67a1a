/// What a workload asks of a store. Each engine is one file; workloads are generic over it and specialised, so that
/// nothing is boxed inside a measured loop. A call is one durable transaction unless it says otherwise.
protocol BenchmarkEngine: AnyObject, Sendable {
    static var abilities: EngineAbilities { get }

    /// Creates an empty store in a directory that exists and is empty.
    static func create(in directory: String, options: EngineOptions) throws -> Self

    /// Opens a store that was closed or whose process was killed.
    static func open(in directory: String, options: EngineOptions) throws -> Self

    func close() throws

    func put(_ key: RawSpan, _ value: RawSpan) throws

    /// Puts the source's next `count` pairs in one transaction.
    func putBatch<Source: PairSource>(_ count: Int, from source: inout Source) throws

    /// Puts the source's next `count` pairs, whose keys ascend and follow all keys of the store, the fastest way that
    /// the engine has, in one transaction.
    func append<Source: PairSource>(_ count: Int, from source: inout Source) throws

    /// Removes a key and tells whether it was there; nil where the engine deletes blindly.
    func delete(_ key: RawSpan) throws -> Bool?

    /// Reads the key and puts the new value in one transaction; tells whether the key was there.
    func readModifyWrite<Visitor: ValueVisitor>(
        _ key: RawSpan, _ value: RawSpan, _ visitor: inout Visitor
    ) throws -> Bool

    /// Reads two keys and puts what the change makes of their values, in one transaction; tells whether both were
    /// there.
    func changePair<Change: PairChange>(
        _ first: RawSpan, _ second: RawSpan, _ change: inout Change
    ) throws -> Bool

    func get<Visitor: ValueVisitor>(_ key: RawSpan, _ visitor: inout Visitor) throws -> Bool

    /// Looks all keys of the block up in one snapshot and returns how many were there.
    func multiGet<Visitor: BlockVisitor>(_ keys: borrowing KeyBlock, _ visitor: inout Visitor) throws -> Int

    /// Visits all pairs in one snapshot and returns their number.
    func scan<Visitor: PairVisitor>(reverse: Bool, _ visitor: inout Visitor) throws -> Int

    /// Visits at most `limit` pairs from the first key that is not below `key`; returns their number.
    func scan<Visitor: PairVisitor>(from key: RawSpan, limit: Int, _ visitor: inout Visitor) throws -> Int

    /// A view that stays as it is while others write.
    func snapshot() throws -> any EngineSnapshot

    /// Writes a copy of one commit into an empty directory while others write, by the library's own means, and waits
    /// until the copy is on its medium.
    func backup(to directory: String) throws

    /// Opens what `backup(to:)` wrote, whatever that takes. Not measured.
    static func openBackup(in directory: String, options: EngineOptions) throws -> Self

    /// Number of pairs, by counting if need be. Not measured.
    func count() throws -> Int

    /// What transactions did to the medium since the store was opened; nil where the engine does not tell.
    var mediumCounters: MediumCounters? { get }

    /// What checkpoints in the background did beside them; nil where there are none.
    var checkpointCounters: MediumCounters? { get }

    /// Bytes that the pairs and everything around them take on the medium. Not measured.
    func usedBytes() throws -> UInt64

    /// How full the log is that recovery would have to replay, in any unit; nil where recovery has no such log.
    var logFill: UInt64? { get }

    /// What a transaction waits for before it returns, in a few words.
    var durability: String { get }

    /// Version of the library.
    static var version: String { get }

    /// The persistence domain. Never a word that says durable on a medium that forgets.
    var domain: String { get }

    /// What keeps others from changing the store's block map.
    var lease: String { get }
}

/// What an engine can do beyond puts, gets and deletes.
struct EngineAbilities: Sendable {
    /// Keys have an order: scans, seeks.
    var isOrdered = true
    /// Views that last while others write.
    var hasSnapshots = true
    /// The library copies a store that is in use.
    var hasOnlineBackup = true
    /// The file grows as it is needed.
    var canGrow = true
    /// Fences can be left out, to measure what they cost.
    var canElideFences = false
}

/// A view that lasts.
protocol EngineSnapshot {
    /// Visits all pairs in order and returns their number.
    func scan<Visitor: PairVisitor>(_ visitor: inout Visitor) throws -> Int
    func release() throws
}

extension BenchmarkEngine {
    /// Engines on memory that forgets say so; others name the page cache's domain.
    static func pageDomain(_ options: EngineOptions) -> String {
        options.isVolatileMedium ? "volatile" : "page"
    }

    func append<Source: PairSource>(_ count: Int, from source: inout Source) throws {
        try putBatch(count, from: &source)
    }

    func backup(to directory: String) throws {
        throw BenchmarkFailure(.usage, "the library copies no store that is in use")
    }

    static func openBackup(in directory: String, options: EngineOptions) throws -> Self {
        try open(in: directory, options: options)
    }

    var mediumCounters: MediumCounters? { nil }
    var checkpointCounters: MediumCounters? { nil }
    var logFill: UInt64? { nil }
}

/// How an engine is to be opened for a run.
struct EngineOptions: Sendable {
    var engine: EngineName
    /// Bytes that the run will put, at most; engines that cannot grow size their file by it.
    var expectedPairs: Int
    var expectedPairBytes: Int
    /// Threads that will use the engine at a time.
    var threads = 1
    var isConcurrent: Bool { threads > 1 }
    /// The directory lies on memory that forgets at a power cut.
    var isVolatileMedium: Bool
    /// Leave the fences out, to measure what they cost. Only on a volatile medium.
    var elidesFences = false
}

/// Totals of what was done to the medium.
struct MediumCounters: Sendable, Equatable {
    var fences: UInt64
    var flushedLines: UInt64
    var nonTemporalBytes: UInt64

    static func - (later: MediumCounters, earlier: MediumCounters) -> MediumCounters {
        MediumCounters(
            fences: later.fences - earlier.fences,
            flushedLines: later.flushedLines - earlier.flushedLines,
            nonTemporalBytes: later.nonTemporalBytes - earlier.nonTemporalBytes)
    }
}
