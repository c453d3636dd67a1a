import PmemStore

/// PmemStore behind the benchmark's protocol. Every read is a read transaction of its own, as a user would do it.
final class PmemStoreEngine: BenchmarkEngine {
    static let abilities = EngineAbilities(canElideFences: true)
    static let version = "0.1"

    private let store: Store
    private let isVolatileMedium: Bool

    static func create(in directory: String, options: EngineOptions) throws -> PmemStoreEngine {
        try PmemStoreEngine(directory, options, .always)
    }

    static func open(in directory: String, options: EngineOptions) throws -> PmemStoreEngine {
        try PmemStoreEngine(directory, options, .never)
    }

    private init(_ directory: String, _ options: EngineOptions, _ creation: StoreOptions.Creation) throws {
        isVolatileMedium = options.isVolatileMedium
        var storeOptions = StoreOptions()
        storeOptions.creation = creation
        storeOptions.acceptsVolatileMedium = options.isVolatileMedium
        storeOptions.elidesFencesOnVolatileMedium = options.elidesFences
        store = try Store.open(directory + "/store", options: storeOptions)
    }

    func close() throws { try store.close() }

    func put(_ key: RawSpan, _ value: RawSpan) throws {
        try store.write { tx in try tx.put(value, forKey: key) }
    }

    func putBatch<Source: PairSource>(_ count: Int, from source: inout Source) throws {
        try store.write { tx in
            for _ in 0..<count {
                source.advance()
                try tx.put(source.value, forKey: source.key)
            }
        }
    }

    func delete(_ key: RawSpan) throws -> Bool? {
        try store.write { tx in
            try unsafe key.withUnsafeBytes { try unsafe tx.delete($0) }
        }
    }

    func readModifyWrite<Visitor: ValueVisitor>(
        _ key: RawSpan, _ value: RawSpan, _ visitor: inout Visitor
    ) throws -> Bool {
        try store.write { tx in
            let isFound = try unsafe key.withUnsafeBytes {
                try unsafe tx.withValue(forKey: $0) { visitor.visit($0) } != nil
            }
            try tx.put(value, forKey: key)
            return isFound
        }
    }

    func changePair<Change: PairChange>(
        _ first: RawSpan, _ second: RawSpan, _ change: inout Change
    ) throws -> Bool {
        try store.write { tx in
            let hasFirst = try unsafe first.withUnsafeBytes {
                try unsafe tx.withValue(forKey: $0) { change.seeFirst($0) } != nil
            }
            let hasSecond = try unsafe second.withUnsafeBytes {
                try unsafe tx.withValue(forKey: $0) { change.seeSecond($0) } != nil
            }
            change.apply()
            try tx.put(change.first, forKey: first)
            try tx.put(change.second, forKey: second)
            return hasFirst && hasSecond
        }
    }

    func get<Visitor: ValueVisitor>(_ key: RawSpan, _ visitor: inout Visitor) throws -> Bool {
        try store.read { tx in
            try unsafe key.withUnsafeBytes {
                try unsafe tx.withValue(forKey: $0) { visitor.visit($0) } != nil
            }
        }
    }

    func multiGet<Visitor: BlockVisitor>(_ keys: borrowing KeyBlock, _ visitor: inout Visitor) throws -> Int {
        let (count, width) = (keys.count, keys.shape.keyBytes)
        var hits = 0
        try unsafe keys.bytes.withUnsafeBytes { bytes in
            try unsafe withUnsafeTemporaryAllocation(of: UnsafeRawBufferPointer.self, capacity: count) {
                parts in
                for index in 0..<count {
                    let part = unsafe UnsafeRawBufferPointer(
                        rebasing: bytes[index * width..<(index + 1) * width])
                    unsafe parts.initializeElement(at: index, to: part)
                }
                try store.read { tx in
                    try unsafe tx.multiGet(UnsafeBufferPointer(parts)) { index, value in
                        guard let value = unsafe value else { return }
                        hits += 1
                        unsafe visitor.visit(RawSpan(_unsafeBytes: value), at: index)
                    }
                }
            }
        }
        return hits
    }

    func scan<Visitor: PairVisitor>(reverse: Bool, _ visitor: inout Visitor) throws -> Int {
        var count = 0
        try store.read { tx in
            try tx.forEach(reversed: reverse) { key, value in
                visitor.visit(key, value)
                count += 1
                return true
            }
        }
        return count
    }

    func scan<Visitor: PairVisitor>(from key: RawSpan, limit: Int, _ visitor: inout Visitor) throws -> Int {
        var count = 0
        try store.read { tx in
            var cursor = try tx.cursor()
            try unsafe key.withUnsafeBytes { _ = try unsafe cursor.seek(to: $0) }
            while count < limit, cursor.isValid {
                visitor.visit(cursor.key, try cursor.value)
                count += 1
                if count < limit { _ = try cursor.next() }
            }
        }
        return count
    }

    func snapshot() throws -> any EngineSnapshot { PmemStoreSnapshot(store: try store.snapshot()) }

    func backup(to directory: String) throws {
        var options = StoreOptions()
        options.acceptsVolatileMedium = isVolatileMedium
        try store.backup(to: directory + "/store", options: options)
    }

    func count() throws -> Int {
        try store.read { try $0.count() }
    }

    func usedBytes() throws -> UInt64 { store.statistics.fileBytes }

    var mediumCounters: MediumCounters? { MediumCounters(store.statistics.commitMedium) }

    var checkpointCounters: MediumCounters? { MediumCounters(store.statistics.checkpointMedium) }

    var logFill: UInt64? { store.statistics.logBytes }

    var durability: String {
        switch store.persistence.domain.rawValue {
        case "page": return "one round of msync per transaction"
        default: return "one fence per transaction"
        }
    }

    var domain: String { store.persistence.domain.rawValue }

    var lease: String { "\(store.lease.level)" }
}

private final class PmemStoreSnapshot: EngineSnapshot {
    private var snapshot: Snapshot?

    init(store: Snapshot) {
        snapshot = store
    }

    func scan<Visitor: PairVisitor>(_ visitor: inout Visitor) throws -> Int {
        var count = 0
        try snapshot?.read { tx in
            try tx.forEach { key, value in
                visitor.visit(key, value)
                count += 1
                return true
            }
        }
        return count
    }

    func release() { snapshot = nil }
}

extension MediumCounters {
    fileprivate init(_ statistics: MediumStatistics) {
        self.init(
            fences: statistics.fences, flushedLines: statistics.flushedLines,
            nonTemporalBytes: statistics.nonTemporalBytes)
    }
}
