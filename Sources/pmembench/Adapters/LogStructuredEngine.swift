#if RocksDB || LevelDB
    import Synchronization

    /// LevelDB or RocksDB with its log synced at every write. Without compression, as the others; with a cache that
    /// holds all pairs and Bloom filters of 10 bits.
    ///
    /// The plain interface of both has no transactions that read: those take turns under a lock of ours.
    @safe final class LogStructuredEngine<Library: LogStructuredLibrary>: BenchmarkEngine, @unchecked Sendable
    {
        static var abilities: EngineAbilities { EngineAbilities(hasOnlineBackup: Library.hasOnlineBackup) }
        static var version: String { Library.version }

        let domain: String
        let durability = "fdatasync of the write-ahead log"
        let lease = "none"

        private let directory: String
        private let library: Library
        private let database: OpaquePointer
        private let calls = Library.calls
        private let readOptions: OpaquePointer?
        private let writeOptions: OpaquePointer?
        private let readingWriter = Mutex(())

        static func create(in directory: String, options: EngineOptions) throws -> LogStructuredEngine {
            try LogStructuredEngine(directory, options)
        }

        static func open(in directory: String, options: EngineOptions) throws -> LogStructuredEngine {
            try LogStructuredEngine(directory, options)
        }

        private init(_ directory: String, _ options: EngineOptions) throws {
            self.directory = directory
            let bytes = options.expectedPairs * (options.expectedPairBytes + 64)
            library = try Library(directory: directory, cacheBytes: max(256 << 20, 2 * bytes))
            unsafe database = library.database
            unsafe readOptions = unsafe calls.createReadOptions()
            unsafe writeOptions = unsafe calls.createWriteOptions()
            unsafe calls.setSync(writeOptions, 1)
            domain = Self.pageDomain(options)
        }

        func close() {
            unsafe calls.destroyReadOptions(readOptions)
            unsafe calls.destroyWriteOptions(writeOptions)
            library.close()
        }

        // MARK: Writing

        func put(_ key: RawSpan, _ value: RawSpan) throws {
            var error: UnsafeMutablePointer<CChar>?
            unsafe withCharacters(key, value) { name, data in
                unsafe calls.put(
                    database, writeOptions, name.baseAddress, name.count, data.baseAddress, data.count, &error
                )
            }
            try unsafe Library.check(error, "put")
        }

        func putBatch<Source: PairSource>(_ count: Int, from source: inout Source) throws {
            let batch = unsafe calls.createBatch()
            defer { unsafe calls.destroyBatch(batch) }
            for _ in 0..<count {
                source.advance()
                unsafe add(source.key, source.value, to: batch)
            }
            try unsafe write(batch)
        }

        private func add(_ key: RawSpan, _ value: RawSpan, to batch: OpaquePointer?) {
            unsafe withCharacters(key, value) { name, data in
                unsafe calls.putInBatch(batch, name.baseAddress, name.count, data.baseAddress, data.count)
            }
        }

        private func write(_ batch: OpaquePointer?) throws {
            var error: UnsafeMutablePointer<CChar>?
            unsafe calls.write(database, writeOptions, batch, &error)
            try unsafe Library.check(error, "write")
        }

        func delete(_ key: RawSpan) throws -> Bool? {
            var error: UnsafeMutablePointer<CChar>?
            unsafe withCharacters(key, key) { name, _ in
                unsafe calls.delete(database, writeOptions, name.baseAddress, name.count, &error)
            }
            try unsafe Library.check(error, "delete")
            return nil
        }

        func readModifyWrite<Visitor: ValueVisitor>(
            _ key: RawSpan, _ value: RawSpan, _ visitor: inout Visitor
        ) throws -> Bool {
            try takeTurn {
                let isFound = try get(key, &visitor)
                try put(key, value)
                return isFound
            }
        }

        func changePair<Change: PairChange>(
            _ first: RawSpan, _ second: RawSpan, _ change: inout Change
        ) throws -> Bool {
            try takeTurn {
                let areFound = try change.see(first, second) { try get($0, &$1) }
                let batch = unsafe calls.createBatch()
                defer { unsafe calls.destroyBatch(batch) }
                unsafe add(first, change.first, to: batch)
                unsafe add(second, change.second, to: batch)
                try unsafe write(batch)
                return areFound
            }
        }

        private func takeTurn(_ body: () throws -> Bool) throws -> Bool {
            try readingWriter.withLock { _ in try body() }
        }

        // MARK: Reading

        func get<Visitor: ValueVisitor>(_ key: RawSpan, _ visitor: inout Visitor) throws -> Bool {
            try unsafe library.get(key, &visitor, readOptions)
        }

        func multiGet<Visitor: BlockVisitor>(
            _ keys: borrowing KeyBlock, _ visitor: inout Visitor
        ) throws -> Int {
            try unsafe library.multiGet(keys, &visitor, readOptions)
        }

        func scan<Visitor: PairVisitor>(reverse: Bool, _ visitor: inout Visitor) throws -> Int {
            try unsafe scan(reverse: reverse, &visitor, readOptions)
        }

        fileprivate func scan<Visitor: PairVisitor>(
            reverse: Bool, _ visitor: inout Visitor, _ options: OpaquePointer?
        ) throws -> Int {
            try unsafe iterate(options) { iterator in
                if reverse { unsafe calls.seekToLast(iterator) } else { unsafe calls.seekToFirst(iterator) }
                return unsafe visitPairs(iterator, reverse: reverse, limit: .max, &visitor)
            }
        }

        func scan<Visitor: PairVisitor>(
            from key: RawSpan, limit: Int, _ visitor: inout Visitor
        ) throws -> Int {
            try unsafe iterate(readOptions) { iterator in
                unsafe withCharacters(key, key) { name, _ in
                    unsafe calls.seek(iterator, name.baseAddress, name.count)
                }
                return unsafe visitPairs(iterator, reverse: false, limit: limit, &visitor)
            }
        }

        private func iterate(_ options: OpaquePointer?, _ body: (OpaquePointer?) -> Int) throws -> Int {
            let iterator = unsafe calls.createIterator(database, options)
            defer { unsafe calls.destroyIterator(iterator) }
            let count = unsafe body(iterator)
            var error: UnsafeMutablePointer<CChar>?
            unsafe calls.iteratorError(iterator, &error)
            try unsafe Library.check(error, "iterator")
            return count
        }

        @inline(__always)
        private func visitPairs<Visitor: PairVisitor>(
            _ iterator: OpaquePointer?, reverse: Bool, limit: Int, _ visitor: inout Visitor
        ) -> Int {
            var count = 0
            while unsafe calls.isValid(iterator) != 0 {
                var (keyBytes, valueBytes) = (0, 0)
                let key = unsafe calls.key(iterator, &keyBytes)
                let value = unsafe calls.value(iterator, &valueBytes)
                let (name, data) = unsafe (
                    UnsafeRawBufferPointer(start: key, count: keyBytes),
                    UnsafeRawBufferPointer(start: value, count: valueBytes)
                )
                unsafe visitor.visit(RawSpan(_unsafeBytes: name), RawSpan(_unsafeBytes: data))
                count += 1
                if count == limit { break }
                if reverse { unsafe calls.previous(iterator) } else { unsafe calls.next(iterator) }
            }
            return count
        }

        func snapshot() throws -> any EngineSnapshot {
            unsafe LogStructuredSnapshot(engine: self, database: database, calls: calls)
        }

        func count() throws -> Int {
            var counter = PairCounter()
            return try scan(reverse: false, &counter)
        }

        func usedBytes() throws -> UInt64 { try FileUsage.allocatedBytes(in: directory) }

        // MARK: Copies

        func backup(to directory: String) throws { try library.backup(to: directory) }

        static func openBackup(in directory: String, options: EngineOptions) throws -> LogStructuredEngine {
            try Library.prepareBackup(in: directory)
            return try open(in: directory, options: options)
        }
    }

    @safe private final class LogStructuredSnapshot<Library: LogStructuredLibrary>: EngineSnapshot {
        private let engine: LogStructuredEngine<Library>
        private let database: OpaquePointer
        private let calls: LogStructuredCalls
        private let snapshot: OpaquePointer?
        private let options: OpaquePointer?

        init(engine: LogStructuredEngine<Library>, database: OpaquePointer, calls: LogStructuredCalls) {
            self.engine = engine
            self.calls = calls
            unsafe self.database = database
            unsafe snapshot = unsafe calls.createSnapshot(database)
            unsafe options = unsafe calls.createReadOptions()
            unsafe calls.setSnapshot(options, snapshot)
        }

        func scan<Visitor: PairVisitor>(_ visitor: inout Visitor) throws -> Int {
            try unsafe engine.scan(reverse: false, &visitor, options)
        }

        func release() {
            unsafe calls.destroyReadOptions(options)
            unsafe calls.releaseSnapshot(database, snapshot)
        }
    }
#endif
