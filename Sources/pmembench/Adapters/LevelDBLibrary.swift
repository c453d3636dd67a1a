#if LevelDB
    import CLevelDB

    /// LevelDB, with RocksDB's write buffer of 64 MiB.
    @safe struct LevelDBLibrary: LogStructuredLibrary, @unchecked Sendable {
        static let name = "LevelDB"
        static var version: String { "\(leveldb_major_version()).\(leveldb_minor_version())" }
        static let hasOnlineBackup = false

        static let calls = unsafe LogStructuredCalls(
            free: leveldb_free, put: leveldb_put, delete: leveldb_delete, write: leveldb_write,
            createBatch: leveldb_writebatch_create, destroyBatch: leveldb_writebatch_destroy,
            putInBatch: leveldb_writebatch_put, createReadOptions: leveldb_readoptions_create,
            destroyReadOptions: leveldb_readoptions_destroy, setSnapshot: leveldb_readoptions_set_snapshot,
            createWriteOptions: leveldb_writeoptions_create,
            destroyWriteOptions: leveldb_writeoptions_destroy, setSync: leveldb_writeoptions_set_sync,
            createSnapshot: leveldb_create_snapshot, releaseSnapshot: leveldb_release_snapshot,
            createIterator: leveldb_create_iterator, destroyIterator: leveldb_iter_destroy,
            seekToFirst: leveldb_iter_seek_to_first, seekToLast: leveldb_iter_seek_to_last,
            seek: leveldb_iter_seek, isValid: leveldb_iter_valid, next: leveldb_iter_next,
            previous: leveldb_iter_prev, key: leveldb_iter_key, value: leveldb_iter_value,
            iteratorError: leveldb_iter_get_error)

        let database: OpaquePointer
        private let options: OpaquePointer?
        private let cache: OpaquePointer?
        private let filter: OpaquePointer?

        init(directory: String, cacheBytes: Int) throws {
            unsafe options = leveldb_options_create()
            unsafe cache = leveldb_cache_create_lru(cacheBytes)
            unsafe filter = leveldb_filterpolicy_create_bloom(10)
            unsafe leveldb_options_set_create_if_missing(options, 1)
            unsafe leveldb_options_set_compression(options, Int32(leveldb_no_compression))
            unsafe leveldb_options_set_cache(options, cache)
            unsafe leveldb_options_set_filter_policy(options, filter)
            unsafe leveldb_options_set_write_buffer_size(options, 64 << 20)
            var error: UnsafeMutablePointer<CChar>?
            let opened = unsafe leveldb_open(options, directory, &error)
            try unsafe Self.check(error, "open")
            guard let opened = unsafe opened else {
                throw BenchmarkFailure(.failure, "LevelDB: open: no database")
            }
            unsafe database = opened
        }

        func close() {
            unsafe leveldb_close(database)
            unsafe leveldb_options_destroy(options)
            unsafe leveldb_cache_destroy(cache)
            unsafe leveldb_filterpolicy_destroy(filter)
        }

        /// The library returns a copy of the value; it has no other way.
        @inline(__always)
        func get<Visitor: ValueVisitor>(
            _ key: RawSpan, _ visitor: inout Visitor, _ options: OpaquePointer?
        ) throws -> Bool {
            var error: UnsafeMutablePointer<CChar>?
            var length = 0
            let value = unsafe withCharacters(key, key) { name, _ in
                unsafe leveldb_get(database, options, name.baseAddress, name.count, &length, &error)
            }
            try unsafe Self.check(error, "get")
            guard let value = unsafe value else { return false }
            unsafe visitor.visit(RawSpan(_unsafeStart: UnsafeRawPointer(value), byteCount: length))
            unsafe leveldb_free(value)
            return true
        }

        func multiGet<Visitor: BlockVisitor>(
            _ keys: borrowing KeyBlock, _ visitor: inout Visitor, _: OpaquePointer?
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

        func backup(to directory: String) throws {
            throw BenchmarkFailure(.usage, "LevelDB copies no database that is in use")
        }

        static func prepareBackup(in directory: String) {}
    }
#endif
