/// What a workload asks of a store. Each engine is one file; workloads are generic over it and specialised, so that
/// nothing is boxed inside a measured loop. A call is one durable transaction unless it says otherwise.
protocol BenchmarkEngine: AnyObject, Sendable {
    static var name: EngineName { get }

    /// True where the engine can run with its fences left out.
    static var canElideFences: Bool { get }

    /// Creates an empty store in a directory that exists and is empty.
    static func create(in directory: String, options: EngineOptions) throws -> Self

    /// Opens a store that was closed or whose process was killed.
    static func open(in directory: String, options: EngineOptions) throws -> Self

    func close() throws

    func put(_ key: RawSpan, _ value: RawSpan) throws

    /// Puts the source's next `count` pairs in one transaction.
    func putBatch<Source: PairSource>(_ count: Int, from source: inout Source) throws

    /// Removes a key and tells whether it was there.
    func delete(_ key: RawSpan) throws -> Bool

    /// Reads the key and puts the new value in one transaction; tells whether the key was there.
    func readModifyWrite<Visitor: ValueVisitor>(
        _ key: RawSpan, _ value: RawSpan, _ visitor: inout Visitor
    ) throws -> Bool

    func get<Visitor: ValueVisitor>(_ key: RawSpan, _ visitor: inout Visitor) throws -> Bool

    /// Looks all keys of the block up in one snapshot and returns how many were there.
    func multiGet<Visitor: BlockVisitor>(_ keys: borrowing KeyBlock, _ visitor: inout Visitor) throws -> Int

    /// Visits all pairs in one snapshot and returns their number.
    func scan<Visitor: PairVisitor>(reverse: Bool, _ visitor: inout Visitor) throws -> Int

    /// Visits at most `limit` pairs from the first key that is not below `key`; returns their number.
    func scan<Visitor: PairVisitor>(from key: RawSpan, limit: Int, _ visitor: inout Visitor) throws -> Int

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

    /// The persistence domain. Never a word that says durable on a medium that forgets.
    var domain: String { get }

    /// What keeps others from changing the store's block map.
    var lease: String { get }
}

/// The engines that can be asked for.
enum EngineName: String, CaseIterable, Sendable {
    case pmemstore
    case libpmemobj
}

/// How an engine is to be opened for a run.
struct EngineOptions: Sendable {
    /// Bytes that the run will put, at most; engines that cannot grow size their file by it.
    var expectedPairs: Int
    var expectedPairBytes: Int
    /// More than one thread will use the engine.
    var isConcurrent = false
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
