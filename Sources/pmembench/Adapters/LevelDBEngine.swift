#if LevelDB
    import CLevelDB
    import Synchronization

    /// LevelDB with its log synced at every write. Without compression, as the others; with a cache that holds all
    /// pairs, Bloom filters of 10 bits and RocksDB's write buffer of 64 MiB.
    ///
    /// The library has no transactions that read: those take turns under a lock of ours.
    @safe final class LevelDBEngine: BenchmarkEngine, @unchecked Sendable {
        static let abilities = EngineAbilities()
        static var version: String { "\(leveldb_major_version()).\(leveldb_minor_version())" }

        let domain: String
        let durability = "fdatasync of the write-ahead log"
        let lease = "none"

        private let directory: String
        private let database: OpaquePointer
        private let options: OpaquePointer
        private let cache: OpaquePointer
        private let filter: OpaquePointer
        private let readOptions = unsafe leveldb_readoptions_create()
        private let writeOptions = unsafe leveldb_writeoptions_create()
        private let readingWriter = Mutex(())

        static func create(in directory: String, options: EngineOptions) throws -> LevelDBEngine {
            try LevelDBEngine(directory, options)
        }

        static func open(in directory: String, options: EngineOptions) throws -> LevelDBEngine {
            try LevelDBEngine(directory, options)
        }

        private init(_ directory: String, _ engineOptions: EngineOptions) throws {
            self.directory = directory
            let bytes = engineOptions.expectedPairs * (engineOptions.expectedPairBytes + 64)
            let (options, cache, filter) = unsafe Self.makeOptions(cacheBytes: max(256 << 20, 2 * bytes))
            unsafe (self.options, self.cache, self.filter) = unsafe (options, cache, filter)
            var error: UnsafeMutablePointer<CChar>?
            let opened = unsafe leveldb_open(options, directory, &error)
            try unsafe Self.check(error, "leveldb_open")
            guard let opened = unsafe opened else {
                throw BenchmarkFailure(.failure, "LevelDB: leveldb_open: no database")
            }
            unsafe database = unsafe opened
            unsafe leveldb_writeoptions_set_sync(writeOptions, 1)
            domain = Self.pageDomain(engineOptions)
        }

        private static func makeOptions(
            cacheBytes: Int
        ) -> (options: OpaquePointer, cache: OpaquePointer, filter: OpaquePointer) {
            guard let options = unsafe leveldb_options_create(),
                let cache = unsafe leveldb_cache_create_lru(cacheBytes),
                let filter = unsafe leveldb_filterpolicy_create_bloom(10)
            else { preconditionFailure("LevelDB cannot allocate its options") }
            unsafe leveldb_options_set_create_if_missing(options, 1)
            unsafe leveldb_options_set_compression(options, Int32(leveldb_no_compression))
            unsafe leveldb_options_set_cache(options, cache)
            unsafe leveldb_options_set_filter_policy(options, filter)
            unsafe leveldb_options_set_write_buffer_size(options, 64 << 20)
            return unsafe (options, cache, filter)
        }

        func close() {
            unsafe leveldb_close(database)
            unsafe leveldb_readoptions_destroy(readOptions)
            unsafe leveldb_writeoptions_destroy(writeOptions)
            unsafe leveldb_options_destroy(options)
            unsafe leveldb_cache_destroy(cache)
            unsafe leveldb_filterpolicy_destroy(filter)
        }

        // MARK: Writing

        func put(_ key: RawSpan, _ value: RawSpan) throws {
            var error: UnsafeMutablePointer<CChar>?
            unsafe withCharacters(key, value) { name, data in
                unsafe leveldb_put(
                    database, writeOptions, name.baseAddress, name.count, data.baseAddress, data.count, &error
                )
            }
            try unsafe Self.check(error, "leveldb_put")
        }

        func putBatch<Source: PairSource>(_ count: Int, from source: inout Source) throws {
            let batch = unsafe leveldb_writebatch_create()
            defer { unsafe leveldb_writebatch_destroy(batch) }
            for _ in 0..<count {
                source.advance()
                unsafe add(source.key, source.value, to: batch)
            }
            try unsafe write(batch)
        }

        private func add(_ key: RawSpan, _ value: RawSpan, to batch: OpaquePointer?) {
            unsafe withCharacters(key, value) { name, data in
                unsafe leveldb_writebatch_put(
                    batch, name.baseAddress, name.count, data.baseAddress, data.count)
            }
        }

        private func write(_ batch: OpaquePointer?) throws {
            var error: UnsafeMutablePointer<CChar>?
            unsafe leveldb_write(database, writeOptions, batch, &error)
            try unsafe Self.check(error, "leveldb_write")
        }

        func delete(_ key: RawSpan) throws -> Bool? {
            var error: UnsafeMutablePointer<CChar>?
            unsafe withCharacters(key, key) { name, _ in
                unsafe leveldb_delete(database, writeOptions, name.baseAddress, name.count, &error)
            }
            try unsafe Self.check(error, "leveldb_delete")
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
                let batch = unsafe leveldb_writebatch_create()
                defer { unsafe leveldb_writebatch_destroy(batch) }
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
            try unsafe get(key, &visitor, readOptions)
        }

        /// The library returns a copy of the value; it has no other way.
        @inline(__always)
        private func get<Visitor: ValueVisitor>(
            _ key: RawSpan, _ visitor: inout Visitor, _ options: OpaquePointer?
        ) throws -> Bool {
            var error: UnsafeMutablePointer<CChar>?
            var length = 0
            let value = unsafe withCharacters(key, key) { name, _ in
                unsafe leveldb_get(database, options, name.baseAddress, name.count, &length, &error)
            }
            try unsafe Self.check(error, "leveldb_get")
            guard let value = unsafe value else { return false }
            unsafe visitor.visit(RawSpan(_unsafeStart: UnsafeRawPointer(value), byteCount: length))
            unsafe leveldb_free(value)
            return true
        }

        func multiGet<Visitor: BlockVisitor>(
            _ keys: borrowing KeyBlock, _ visitor: inout Visitor
        ) throws -> Int {
            let options = unsafe leveldb_readoptions_create()
            let snapshot = unsafe leveldb_create_snapshot(database)
            unsafe leveldb_readoptions_set_snapshot(options, snapshot)
            defer {
                unsafe leveldb_release_snapshot(database, snapshot)
                unsafe leveldb_readoptions_destroy(options)
            }
            var hits = 0
            for index in 0..<keys.count {
                var one = IndexedVisitor(visitor: visitor, index: index)
                if try unsafe get(keys[index], &one, options) { hits += 1 }
                visitor = one.visitor
            }
            return hits
        }

        func scan<Visitor: PairVisitor>(reverse: Bool, _ visitor: inout Visitor) throws -> Int {
            try unsafe iterate(readOptions) { iterator in
                if reverse {
                    unsafe leveldb_iter_seek_to_last(iterator)
                } else {
                    unsafe leveldb_iter_seek_to_first(iterator)
                }
                return unsafe visitPairs(iterator, reverse: reverse, limit: .max, &visitor)
            }
        }

        func scan<Visitor: PairVisitor>(
            from key: RawSpan, limit: Int, _ visitor: inout Visitor
        ) throws -> Int {
            try unsafe iterate(readOptions) { iterator in
                unsafe withCharacters(key, key) { name, _ in
                    unsafe leveldb_iter_seek(iterator, name.baseAddress, name.count)
                }
                return unsafe visitPairs(iterator, reverse: false, limit: limit, &visitor)
            }
        }

        fileprivate func iterate(_ options: OpaquePointer?, _ body: (OpaquePointer?) -> Int) throws -> Int {
            let iterator = unsafe leveldb_create_iterator(database, options)
            defer { unsafe leveldb_iter_destroy(iterator) }
            let count = unsafe body(iterator)
            var error: UnsafeMutablePointer<CChar>?
            unsafe leveldb_iter_get_error(iterator, &error)
            try unsafe Self.check(error, "leveldb_iter")
            return count
        }

        @inline(__always)
        fileprivate func visitPairs<Visitor: PairVisitor>(
            _ iterator: OpaquePointer?, reverse: Bool, limit: Int, _ visitor: inout Visitor
        ) -> Int {
            var count = 0
            while unsafe leveldb_iter_valid(iterator) != 0 {
                var (keyBytes, valueBytes) = (0, 0)
                let key = unsafe leveldb_iter_key(iterator, &keyBytes)
                let value = unsafe leveldb_iter_value(iterator, &valueBytes)
                let (name, data) = unsafe (
                    UnsafeRawBufferPointer(start: key, count: keyBytes),
                    UnsafeRawBufferPointer(start: value, count: valueBytes)
                )
                unsafe visitor.visit(RawSpan(_unsafeBytes: name), RawSpan(_unsafeBytes: data))
                count += 1
                if count == limit { break }
                if reverse {
                    unsafe leveldb_iter_prev(iterator)
                } else {
                    unsafe leveldb_iter_next(iterator)
                }
            }
            return count
        }

        func snapshot() throws -> any EngineSnapshot {
            unsafe LevelDBSnapshot(engine: self, database: database)
        }

        func count() throws -> Int {
            var counter = PairCounter()
            return try scan(reverse: false, &counter)
        }

        func usedBytes() throws -> UInt64 { try FileUsage.allocatedBytes(in: directory) }

        // MARK: The library

        @inline(__always)
        fileprivate static func check(_ error: UnsafeMutablePointer<CChar>?, _ call: String) throws {
            guard let error = unsafe error else { return }
            defer { unsafe leveldb_free(error) }
            throw BenchmarkFailure(.failure, "LevelDB: \(call): \(unsafe String(cString: error))")
        }
    }

    @safe private final class LevelDBSnapshot: EngineSnapshot {
        private let engine: LevelDBEngine
        private let database: OpaquePointer
        private let snapshot: OpaquePointer?
        private let options = unsafe leveldb_readoptions_create()

        init(engine: LevelDBEngine, database: OpaquePointer) {
            self.engine = engine
            unsafe self.database = database
            unsafe snapshot = unsafe leveldb_create_snapshot(database)
            unsafe leveldb_readoptions_set_snapshot(options, snapshot)
        }

        func scan<Visitor: PairVisitor>(_ visitor: inout Visitor) throws -> Int {
            try unsafe engine.iterate(options) { iterator in
                unsafe leveldb_iter_seek_to_first(iterator)
                return unsafe engine.visitPairs(iterator, reverse: false, limit: .max, &visitor)
            }
        }

        func release() {
            unsafe leveldb_readoptions_destroy(options)
            unsafe leveldb_release_snapshot(database, snapshot)
        }
    }
#endif
