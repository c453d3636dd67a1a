#if RocksDB
    import CRocksDB
    import Synchronization

    /// RocksDB with its write-ahead log synced at every write. Without compression, as the others; with a cache that
    /// holds all pairs and Bloom filters of 10 bits, as its own benchmark recommends.
    ///
    /// The library's plain interface has no transactions that read: those take turns under a lock of ours.
    @safe final class RocksDBEngine: BenchmarkEngine, @unchecked Sendable {
        static let abilities = EngineAbilities()
        static var version: String { SharedLibrary.version(of: "librocksdb") }

        let domain: String
        let durability = "fdatasync of the write-ahead log"
        let lease = "none"

        private let directory: String
        private let database: OpaquePointer
        private let family: OpaquePointer
        private let options: OpaquePointer
        private let cache: OpaquePointer
        private let readOptions = unsafe rocksdb_readoptions_create()
        private let writeOptions = unsafe rocksdb_writeoptions_create()
        private let readingWriter = Mutex(())

        static func create(in directory: String, options: EngineOptions) throws -> RocksDBEngine {
            try RocksDBEngine(directory, options)
        }

        static func open(in directory: String, options: EngineOptions) throws -> RocksDBEngine {
            try RocksDBEngine(directory, options)
        }

        private init(_ directory: String, _ engineOptions: EngineOptions) throws {
            self.directory = directory
            let bytes = engineOptions.expectedPairs * (engineOptions.expectedPairBytes + 64)
            let (options, cache) = unsafe Self.makeOptions(cacheBytes: max(256 << 20, 2 * bytes))
            unsafe (self.options, self.cache) = unsafe (options, cache)
            var family: OpaquePointer?
            var error: UnsafeMutablePointer<CChar>?
            let opened = unsafe "default".withCString { name in
                var names: [UnsafePointer<CChar>?] = unsafe [name]
                var familyOptions: [OpaquePointer?] = unsafe [options]
                return unsafe rocksdb_open_column_families(
                    options, directory, 1, &names, &familyOptions, &family, &error)
            }
            try unsafe Self.check(error, "rocksdb_open")
            guard let opened = unsafe opened, let family = unsafe family else {
                throw BenchmarkFailure(.failure, "RocksDB: rocksdb_open: no database")
            }
            unsafe (database, self.family) = unsafe (opened, family)
            unsafe rocksdb_writeoptions_set_sync(writeOptions, 1)
            domain = Self.pageDomain(engineOptions)
        }

        private static func makeOptions(cacheBytes: Int) -> (options: OpaquePointer, cache: OpaquePointer) {
            guard let options = unsafe rocksdb_options_create(),
                let cache = unsafe rocksdb_cache_create_lru(cacheBytes),
                let table = unsafe rocksdb_block_based_options_create()
            else { preconditionFailure("RocksDB cannot allocate its options") }
            unsafe rocksdb_options_set_create_if_missing(options, 1)
            unsafe rocksdb_options_set_compression(options, Int32(rocksdb_no_compression))
            unsafe rocksdb_block_based_options_set_block_cache(table, cache)
            unsafe rocksdb_block_based_options_set_filter_policy(
                table, rocksdb_filterpolicy_create_bloom_full(10))
            unsafe rocksdb_options_set_block_based_table_factory(options, table)
            unsafe rocksdb_block_based_options_destroy(table)
            return unsafe (options, cache)
        }

        func close() {
            unsafe rocksdb_column_family_handle_destroy(family)
            unsafe rocksdb_close(database)
            unsafe rocksdb_readoptions_destroy(readOptions)
            unsafe rocksdb_writeoptions_destroy(writeOptions)
            unsafe rocksdb_options_destroy(options)
            unsafe rocksdb_cache_destroy(cache)
        }

        // MARK: Writing

        func put(_ key: RawSpan, _ value: RawSpan) throws {
            var error: UnsafeMutablePointer<CChar>?
            unsafe withCharacters(key, value) { name, data in
                unsafe rocksdb_put(
                    database, writeOptions, name.baseAddress, name.count, data.baseAddress, data.count, &error
                )
            }
            try unsafe Self.check(error, "rocksdb_put")
        }

        func putBatch<Source: PairSource>(_ count: Int, from source: inout Source) throws {
            let batch = unsafe rocksdb_writebatch_create()
            defer { unsafe rocksdb_writebatch_destroy(batch) }
            for _ in 0..<count {
                source.advance()
                unsafe add(source.key, source.value, to: batch)
            }
            try unsafe write(batch)
        }

        private func add(_ key: RawSpan, _ value: RawSpan, to batch: OpaquePointer?) {
            unsafe withCharacters(key, value) { name, data in
                unsafe rocksdb_writebatch_put(
                    batch, name.baseAddress, name.count, data.baseAddress, data.count)
            }
        }

        private func write(_ batch: OpaquePointer?) throws {
            var error: UnsafeMutablePointer<CChar>?
            unsafe rocksdb_write(database, writeOptions, batch, &error)
            try unsafe Self.check(error, "rocksdb_write")
        }

        func delete(_ key: RawSpan) throws -> Bool? {
            var error: UnsafeMutablePointer<CChar>?
            unsafe withCharacters(key, key) { name, _ in
                unsafe rocksdb_delete(database, writeOptions, name.baseAddress, name.count, &error)
            }
            try unsafe Self.check(error, "rocksdb_delete")
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
                let batch = unsafe rocksdb_writebatch_create()
                defer { unsafe rocksdb_writebatch_destroy(batch) }
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
            var error: UnsafeMutablePointer<CChar>?
            let slice = unsafe withCharacters(key, key) { name, _ in
                unsafe rocksdb_get_pinned(database, readOptions, name.baseAddress, name.count, &error)
            }
            try unsafe Self.check(error, "rocksdb_get_pinned")
            guard let slice = unsafe slice else { return false }
            unsafe visitor.visit(Self.value(slice))
            unsafe rocksdb_pinnableslice_destroy(slice)
            return true
        }

        func multiGet<Visitor: BlockVisitor>(
            _ keys: borrowing KeyBlock, _ visitor: inout Visitor
        ) throws -> Int {
            let (count, width) = (keys.count, keys.shape.keyBytes)
            var names = unsafe [UnsafePointer<CChar>?](repeating: nil, count: count)
            let lengths = [Int](repeating: width, count: count)
            var slices = unsafe [OpaquePointer?](repeating: nil, count: count)
            var errors = unsafe [UnsafeMutablePointer<CChar>?](repeating: nil, count: count)
            unsafe keys.bytes.withUnsafeBytes { bytes in
                let start = unsafe bytes.assumingMemoryBound(to: CChar.self).baseAddress
                for index in 0..<count {
                    unsafe names[index] = unsafe start.map { unsafe $0 + index * width }
                }
                unsafe rocksdb_batched_multi_get_cf(
                    database, readOptions, family, count, names, lengths, &slices, &errors, false)
            }
            var hits = 0
            for index in 0..<count {
                try unsafe Self.check(errors[index], "rocksdb_batched_multi_get_cf")
                guard let slice = unsafe slices[index] else { continue }
                unsafe visitor.visit(Self.value(slice), at: index)
                unsafe rocksdb_pinnableslice_destroy(slice)
                hits += 1
            }
            return hits
        }

        func scan<Visitor: PairVisitor>(reverse: Bool, _ visitor: inout Visitor) throws -> Int {
            try unsafe iterate(readOptions) { iterator in
                if reverse {
                    unsafe rocksdb_iter_seek_to_last(iterator)
                } else {
                    unsafe rocksdb_iter_seek_to_first(iterator)
                }
                return unsafe visitPairs(iterator, reverse: reverse, limit: .max, &visitor)
            }
        }

        func scan<Visitor: PairVisitor>(
            from key: RawSpan, limit: Int, _ visitor: inout Visitor
        ) throws -> Int {
            try unsafe iterate(readOptions) { iterator in
                unsafe withCharacters(key, key) { name, _ in
                    unsafe rocksdb_iter_seek(iterator, name.baseAddress, name.count)
                }
                return unsafe visitPairs(iterator, reverse: false, limit: limit, &visitor)
            }
        }

        fileprivate func iterate(_ options: OpaquePointer?, _ body: (OpaquePointer?) -> Int) throws -> Int {
            let iterator = unsafe rocksdb_create_iterator(database, options)
            defer { unsafe rocksdb_iter_destroy(iterator) }
            let count = unsafe body(iterator)
            var error: UnsafeMutablePointer<CChar>?
            unsafe rocksdb_iter_get_error(iterator, &error)
            try unsafe Self.check(error, "rocksdb_iter")
            return count
        }

        @inline(__always)
        fileprivate func visitPairs<Visitor: PairVisitor>(
            _ iterator: OpaquePointer?, reverse: Bool, limit: Int, _ visitor: inout Visitor
        ) -> Int {
            var count = 0
            while unsafe rocksdb_iter_valid(iterator) != 0 {
                var (keyBytes, valueBytes) = (0, 0)
                let key = unsafe rocksdb_iter_key(iterator, &keyBytes)
                let value = unsafe rocksdb_iter_value(iterator, &valueBytes)
                let (name, data) = unsafe (
                    UnsafeRawBufferPointer(start: key, count: keyBytes),
                    UnsafeRawBufferPointer(start: value, count: valueBytes)
                )
                unsafe visitor.visit(RawSpan(_unsafeBytes: name), RawSpan(_unsafeBytes: data))
                count += 1
                if count == limit { break }
                if reverse {
                    unsafe rocksdb_iter_prev(iterator)
                } else {
                    unsafe rocksdb_iter_next(iterator)
                }
            }
            return count
        }

        func snapshot() throws -> any EngineSnapshot {
            unsafe RocksDBSnapshot(engine: self, database: database)
        }

        func count() throws -> Int {
            var counter = PairCounter()
            return try scan(reverse: false, &counter)
        }

        func usedBytes() throws -> UInt64 { try FileUsage.allocatedBytes(in: directory) }

        // MARK: The library

        @inline(__always) @_lifetime(immortal)
        private static func value(_ slice: OpaquePointer) -> RawSpan {
            var length = 0
            let start = unsafe rocksdb_pinnableslice_value(slice, &length)
            let bytes = unsafe UnsafeRawBufferPointer(start: start, count: length)
            return unsafe _overrideLifetime(RawSpan(_unsafeBytes: bytes), borrowing: ())
        }

        @inline(__always)
        fileprivate static func check(_ error: UnsafeMutablePointer<CChar>?, _ call: String) throws {
            guard let error = unsafe error else { return }
            defer { unsafe rocksdb_free(error) }
            throw BenchmarkFailure(.failure, "RocksDB: \(call): \(unsafe String(cString: error))")
        }
    }

    @safe private final class RocksDBSnapshot: EngineSnapshot {
        private let engine: RocksDBEngine
        private let database: OpaquePointer
        private let snapshot: OpaquePointer?
        private let options = unsafe rocksdb_readoptions_create()

        init(engine: RocksDBEngine, database: OpaquePointer) {
            self.engine = engine
            unsafe self.database = database
            unsafe snapshot = unsafe rocksdb_create_snapshot(database)
            unsafe rocksdb_readoptions_set_snapshot(options, snapshot)
        }

        func scan<Visitor: PairVisitor>(_ visitor: inout Visitor) throws -> Int {
            try unsafe engine.iterate(options) { iterator in
                unsafe rocksdb_iter_seek_to_first(iterator)
                return unsafe engine.visitPairs(iterator, reverse: false, limit: .max, &visitor)
            }
        }

        func release() {
            unsafe rocksdb_readoptions_destroy(options)
            unsafe rocksdb_release_snapshot(database, snapshot)
        }
    }
#endif
