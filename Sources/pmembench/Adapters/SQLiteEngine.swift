#if SQLite
    import CSQLite
    import Synchronization

    /// SQLite with a write-ahead log and `synchronous = FULL`: the log is synced at every commit. One table without
    /// row numbers, prepared statements, a page cache and a mapping that hold all pairs.
    @safe final class SQLiteEngine: BenchmarkEngine, @unchecked Sendable {
        static let abilities = EngineAbilities()
        static var version: String { unsafe String(cString: sqlite3_libversion()) }

        let domain: String
        let durability = "WAL, synchronous=FULL: fdatasync of the log"
        let lease = "none"

        private let directory: String
        private let cacheBytes: Int
        private let readers: HandlePool<SQLiteConnection>
        private let writer: Mutex<SQLiteConnection>

        static func create(in directory: String, options: EngineOptions) throws -> SQLiteEngine {
            try SQLiteEngine(directory, options)
        }

        static func open(in directory: String, options: EngineOptions) throws -> SQLiteEngine {
            try SQLiteEngine(directory, options)
        }

        private init(_ directory: String, _ options: EngineOptions) throws {
            self.directory = directory
            let path = directory + "/pairs.sqlite"
            let bytes = max(256 << 20, 2 * options.expectedPairs * (options.expectedPairBytes + 64))
            cacheBytes = bytes
            let first = try SQLiteConnection(path: path, cacheBytes: bytes)
            try first.createTable()
            try first.prepare()
            writer = Mutex(first)
            readers = try HandlePool(threads: options.threads) {
                let connection = try SQLiteConnection(path: path, cacheBytes: bytes)
                try connection.prepare()
                return connection
            }
            domain = Self.pageDomain(options)
        }

        func close() throws {
            for reader in readers.all { try reader.close() }
            try writer.withLock { try $0.close() }
        }

        // MARK: Writing

        func put(_ key: RawSpan, _ value: RawSpan) throws {
            try writer.withLock { try $0.put(key, value) }
        }

        func putBatch<Source: PairSource>(_ count: Int, from source: inout Source) throws {
            try writer.withLock { connection in
                try connection.transaction {
                    for _ in 0..<count {
                        source.advance()
                        try connection.put(source.key, source.value)
                    }
                }
            }
        }

        func delete(_ key: RawSpan) throws -> Bool? {
            try writer.withLock { try $0.delete(key) }
        }

        func readModifyWrite<Visitor: ValueVisitor>(
            _ key: RawSpan, _ value: RawSpan, _ visitor: inout Visitor
        ) throws -> Bool {
            try writer.withLock { connection in
                try connection.transaction {
                    let isFound = try connection.get(key, &visitor)
                    try connection.put(key, value)
                    return isFound
                }
            }
        }

        func changePair<Change: PairChange>(
            _ first: RawSpan, _ second: RawSpan, _ change: inout Change
        ) throws -> Bool {
            try writer.withLock { connection in
                try connection.transaction {
                    let areFound = try change.see(first, second) { try connection.get($0, &$1) }
                    try connection.put(first, change.first)
                    try connection.put(second, change.second)
                    return areFound
                }
            }
        }

        // MARK: Reading

        func get<Visitor: ValueVisitor>(_ key: RawSpan, _ visitor: inout Visitor) throws -> Bool {
            try readers.with { try $0.get(key, &visitor) }
        }

        func multiGet<Visitor: BlockVisitor>(
            _ keys: borrowing KeyBlock, _ visitor: inout Visitor
        ) throws -> Int {
            var hits = 0
            try readers.with { connection in
                try connection.transaction {
                    for index in 0..<keys.count {
                        var one = IndexedVisitor(visitor: visitor, index: index)
                        if try connection.get(keys[index], &one) { hits += 1 }
                        visitor = one.visitor
                    }
                }
            }
            return hits
        }

        func scan<Visitor: PairVisitor>(reverse: Bool, _ visitor: inout Visitor) throws -> Int {
            try readers.with { connection in
                try connection.scan(reverse ? .down : .up, from: nil, limit: .max, &visitor)
            }
        }

        func scan<Visitor: PairVisitor>(
            from key: RawSpan, limit: Int, _ visitor: inout Visitor
        ) throws -> Int {
            try readers.with { try $0.scan(.upFrom, from: key, limit: limit, &visitor) }
        }

        func snapshot() throws -> any EngineSnapshot {
            let connection = try SQLiteConnection(path: directory + "/pairs.sqlite", cacheBytes: cacheBytes)
            try connection.prepare()
            return try SQLiteSnapshot(connection: connection)
        }

        /// In one read transaction, so that it does not begin anew at every commit beside it.
        func backup(to directory: String) throws {
            let source = try SQLiteConnection(path: self.directory + "/pairs.sqlite", cacheBytes: cacheBytes)
            defer { try? source.close() }
            try source.backup(to: directory + "/pairs.sqlite")
        }

        func count() throws -> Int {
            var counter = PairCounter()
            return try scan(reverse: false, &counter)
        }

        func usedBytes() throws -> UInt64 { try FileUsage.allocatedBytes(in: directory) }
    }

    private struct SQLiteSnapshot: EngineSnapshot {
        let connection: SQLiteConnection

        /// A read transaction sees what was there at its first read.
        init(connection: SQLiteConnection) throws {
            self.connection = connection
            try connection.run(.begin)
            var counter = PairCounter()
            _ = try connection.scan(.up, from: nil, limit: 1, &counter)
        }

        func scan<Visitor: PairVisitor>(_ visitor: inout Visitor) throws -> Int {
            try connection.scan(.up, from: nil, limit: .max, &visitor)
        }

        func release() throws {
            try connection.run(.commit)
            try connection.close()
        }
    }
#endif
