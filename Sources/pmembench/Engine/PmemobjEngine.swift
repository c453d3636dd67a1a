import CPmem
import Foundation

/// libpmemobj with a persistent B-tree of our own: one transaction of the library per call.
///
/// The library leaves isolation to its user: with more than one thread a reader-writer lock stands around the tree.
@safe final class PmemobjEngine: BenchmarkEngine, @unchecked Sendable {
    static let name = EngineName.libpmemobj
    static let canElideFences = false

    let domain: String
    let lease = "none"
    let logFill: UInt64? = nil
    let checkpointCounters: MediumCounters? = nil

    private let pool: PmemobjPool
    private let tree: PmemobjTree
    private let lock: ReaderWriterLock?
    private let fenceCounter = PreloadedFenceCounter()

    static func create(in directory: String, options: EngineOptions) throws -> PmemobjEngine {
        let pool = try PmemobjPool.create(at: path(in: directory), byteCount: poolBytes(for: options))
        return PmemobjEngine(pool, options)
    }

    static func open(in directory: String, options: EngineOptions) throws -> PmemobjEngine {
        PmemobjEngine(try PmemobjPool.open(at: path(in: directory)), options)
    }

    private init(_ pool: PmemobjPool, _ options: EngineOptions) {
        self.pool = pool
        tree = PmemobjTree(pool: pool)
        lock = options.isConcurrent ? ReaderWriterLock() : nil
        domain = Self.domain(of: pool, options)
    }

    private static func path(in directory: String) -> String { directory + "/pool.obj" }

    /// A pool cannot grow, so it gets twice what objects, headers and nodes of all pairs need.
    static func poolBytes(for options: EngineOptions) -> Int {
        (64 << 20) + 2 * options.expectedPairs * (options.expectedPairBytes + 96)
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
        lock?.lockForWriting()
        defer { lock?.unlockAfterWriting() }
        try pool.begin()
        do {
            try tree.put(key, value)
        } catch {
            pool.abort()
            throw error
        }
        pool.commit()
    }

    func putBatch<Source: PairSource>(_ count: Int, from source: inout Source) throws {
        lock?.lockForWriting()
        defer { lock?.unlockAfterWriting() }
        try pool.begin(operations: count)
        do {
            for _ in 0..<count {
                source.advance()
                try tree.put(source.key, source.value)
            }
        } catch {
            pool.abort()
            throw error
        }
        pool.commit()
    }

    func delete(_ key: RawSpan) throws -> Bool {
        lock?.lockForWriting()
        defer { lock?.unlockAfterWriting() }
        try pool.begin()
        let isRemoved: Bool
        do {
            isRemoved = try tree.remove(key)
        } catch {
            pool.abort()
            throw error
        }
        pool.commit()
        return isRemoved
    }

    func readModifyWrite<Visitor: ValueVisitor>(
        _ key: RawSpan, _ value: RawSpan, _ visitor: inout Visitor
    ) throws -> Bool {
        lock?.lockForWriting()
        defer { lock?.unlockAfterWriting() }
        try pool.begin()
        let isFound = tree.get(key, &visitor)
        do {
            try tree.put(key, value)
        } catch {
            pool.abort()
            throw error
        }
        pool.commit()
        return isFound
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

    func count() throws -> Int {
        guard let count = tree.checkedCount() else {
            throw BenchmarkFailure(.failure, "libpmemobj: the B-tree breaks an invariant")
        }
        return count
    }

    var mediumCounters: MediumCounters? { fenceCounter?.counters }

    func usedBytes() -> UInt64 { pool.allocatedBytes() }
}

/// Turns a visitor of blocks into one of values.
private struct IndexedVisitor<Visitor: BlockVisitor>: ValueVisitor {
    var visitor: Visitor
    let index: Int

    mutating func visit(_ value: RawSpan) {
        visitor.visit(value, at: index)
    }
}
