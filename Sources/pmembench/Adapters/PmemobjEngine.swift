import CPmem
import Foundation

/// A persistent map of our own on libpmemobj. All but the reads are called within a transaction.
protocol PmemobjMap: Sendable {
    static var isOrdered: Bool { get }
    /// Takes the map of the pool, made where there is none.
    init(pool: PmemobjPool, expectedPairs: Int) throws
    func put(_ key: RawSpan, _ value: RawSpan) throws
    func remove(_ key: RawSpan) throws -> Bool
    func get<Visitor: ValueVisitor>(_ key: RawSpan, _ visitor: inout Visitor) -> Bool
    /// Visits pairs in order, from a key or from an end.
    func scan<Visitor: PairVisitor>(
        from key: RawSpan?, limit: Int, reverse: Bool, _ visitor: inout Visitor
    ) -> Int
    /// Number of pairs; nil when the map is damaged.
    func checkedCount() -> Int?
}

extension PmemobjTree: PmemobjMap {
    static let isOrdered = true

    init(pool: PmemobjPool, expectedPairs: Int) {
        self.init(pool: pool)
    }
}

/// libpmemobj with a persistent map: one transaction of the library per call.
///
/// The library leaves isolation to its user: with more than one thread a reader-writer lock stands around the map.
@safe final class PmemobjEngine<Map: PmemobjMap>: BenchmarkEngine, @unchecked Sendable {
    static var abilities: EngineAbilities {
        EngineAbilities(
            isOrdered: Map.isOrdered, hasSnapshots: false, hasOnlineBackup: false, canGrow: false)
    }

    /// Version of the interface that the library was built with; of its own it tells none.
    static var version: String { "interface \(PMEMOBJ_MAJOR_VERSION).\(PMEMOBJ_MINOR_VERSION)" }

    let domain: String
    let lease = "none"
    var durability: String {
        domain == "page" ? "msync of undo log and data, several per transaction" : "undo log and data, fenced"
    }

    private let pool: PmemobjPool
    private let tree: Map
    private let lock: ReaderWriterLock?
    private let fenceCounter = PreloadedFenceCounter()

    static func create(in directory: String, options: EngineOptions) throws -> PmemobjEngine {
        let pool = try PmemobjPool.create(at: path(in: directory), byteCount: poolBytes(for: options))
        return try PmemobjEngine(pool, options)
    }

    static func open(in directory: String, options: EngineOptions) throws -> PmemobjEngine {
        try PmemobjEngine(PmemobjPool.open(at: path(in: directory)), options)
    }

    private init(_ pool: PmemobjPool, _ options: EngineOptions) throws {
        self.pool = pool
        tree = try Map(pool: pool, expectedPairs: options.expectedPairs)
        lock = options.isConcurrent ? ReaderWriterLock() : nil
        domain = Self.domain(of: pool, options)
    }

    private static func path(in directory: String) -> String { directory + "/pool.obj" }

    /// A pool cannot grow, so it gets twice what objects, headers, nodes and buckets of all pairs need.
    private static func poolBytes(for options: EngineOptions) -> Int {
        (64 << 20) + 2 * options.expectedPairs * (options.expectedPairBytes + 112)
    }

    private static func domain(of pool: PmemobjPool, _ options: EngineOptions) -> String {
        if options.isVolatileMedium { return "volatile" }
        if !pool.isPersistentMemory { return "page" }
        return pmem_has_auto_flush() == 1 ? "extendedCache" : "cacheLine"
    }

    func close() {
        pool.close()
    }

    func put(_ key: RawSpan, _ value: RawSpan) throws {
        try transaction { try tree.put(key, value) }
    }

    func putBatch<Source: PairSource>(_ count: Int, from source: inout Source) throws {
        try transaction(operations: count) {
            for _ in 0..<count {
                source.advance()
                try tree.put(source.key, source.value)
            }
        }
    }

    func delete(_ key: RawSpan) throws -> Bool? {
        try transaction { try tree.remove(key) }
    }

    func readModifyWrite<Visitor: ValueVisitor>(
        _ key: RawSpan, _ value: RawSpan, _ visitor: inout Visitor
    ) throws -> Bool {
        try transaction {
            let isFound = tree.get(key, &visitor)
            try tree.put(key, value)
            return isFound
        }
    }

    func changePair<Change: PairChange>(
        _ first: RawSpan, _ second: RawSpan, _ change: inout Change
    ) throws -> Bool {
        try transaction {
            let areFound = change.see(first, second) { tree.get($0, &$1) }
            try tree.put(first, change.first)
            try tree.put(second, change.second)
            return areFound
        }
    }

    @inline(__always)
    private func transaction<R>(operations: Int = 1, _ body: () throws -> R) throws -> R {
        lock?.lockForWriting()
        defer { lock?.unlockAfterWriting() }
        try pool.begin(operations: operations)
        do {
            let result = try body()
            pool.commit()
            return result
        } catch {
            pool.abort()
            throw error
        }
    }

    func get<Visitor: ValueVisitor>(_ key: RawSpan, _ visitor: inout Visitor) -> Bool {
        lock?.lockForReading()
        defer { lock?.unlockAfterReading() }
        return tree.get(key, &visitor)
    }

    func multiGet<Visitor: BlockVisitor>(_ keys: borrowing KeyBlock, _ visitor: inout Visitor) -> Int {
        lock?.lockForReading()
        defer { lock?.unlockAfterReading() }
        var hits = 0
        for index in 0..<keys.count {
            var one = IndexedVisitor(visitor: visitor, index: index)
            if tree.get(keys[index], &one) { hits += 1 }
            visitor = one.visitor
        }
        return hits
    }

    func scan<Visitor: PairVisitor>(reverse: Bool, _ visitor: inout Visitor) -> Int {
        lock?.lockForReading()
        defer { lock?.unlockAfterReading() }
        return tree.scan(from: nil, limit: .max, reverse: reverse, &visitor)
    }

    func scan<Visitor: PairVisitor>(from key: RawSpan, limit: Int, _ visitor: inout Visitor) -> Int {
        lock?.lockForReading()
        defer { lock?.unlockAfterReading() }
        return tree.scan(from: key, limit: limit, reverse: false, &visitor)
    }

    func snapshot() throws -> any EngineSnapshot {
        throw BenchmarkFailure(.usage, "libpmemobj has no snapshots")
    }

    func count() throws -> Int {
        guard let count = tree.checkedCount() else {
            throw BenchmarkFailure(.failure, "libpmemobj: the map breaks an invariant")
        }
        return count
    }

    var mediumCounters: MediumCounters? { fenceCounter?.counters }

    func usedBytes() -> UInt64 { pool.allocatedBytes() }
}
