import PmemStore

/// PmemStore behind the benchmark's protocol. The engine is not built yet: opening says so.
final class PmemStoreEngine: BenchmarkEngine {
    static let name = EngineName.pmemstore
    static let canElideFences = true

    let domain = "unknown"
    let lease = "unknown"
    let mediumCounters: MediumCounters? = nil
    let logFill: UInt64? = nil

    static func create(in directory: String, options: EngineOptions) throws -> PmemStoreEngine {
        throw notBuilt
    }

    static func open(in directory: String, options: EngineOptions) throws -> PmemStoreEngine {
        throw notBuilt
    }

    private static let notBuilt = BenchmarkFailure(
        .failure, "pmemstore: the engine is not built yet; use --engine libpmemobj")

    func close() throws { throw Self.notBuilt }

    func put(_ key: RawSpan, _ value: RawSpan) throws { throw Self.notBuilt }

    func putBatch<Source: PairSource>(_ count: Int, from source: inout Source) throws { throw Self.notBuilt }

    func delete(_ key: RawSpan) throws -> Bool { throw Self.notBuilt }

    func readModifyWrite<Visitor: ValueVisitor>(
        _ key: RawSpan, _ value: RawSpan, _ visitor: inout Visitor
    ) throws -> Bool { throw Self.notBuilt }

    func get<Visitor: ValueVisitor>(_ key: RawSpan, _ visitor: inout Visitor) throws -> Bool {
        throw Self.notBuilt
    }

    func multiGet<Visitor: BlockVisitor>(_ keys: borrowing KeyBlock, _ visitor: inout Visitor) throws -> Int {
        throw Self.notBuilt
    }

    func scan<Visitor: PairVisitor>(reverse: Bool, _ visitor: inout Visitor) throws -> Int {
        throw Self.notBuilt
    }

    func scan<Visitor: PairVisitor>(from key: RawSpan, limit: Int, _ visitor: inout Visitor) throws -> Int {
        throw Self.notBuilt
    }

    func count() throws -> Int { throw Self.notBuilt }

    func usedBytes() throws -> UInt64 { throw Self.notBuilt }
}
