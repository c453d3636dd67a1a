#if RocksDB
    import CRocksDB
    import Foundation

    /// RocksDB, with the settings that its own benchmark recommends.
    @safe struct RocksDBLibrary: LogStructuredLibrary, @unchecked Sendable {
        static let name = "RocksDB"
        static var version: String { SharedLibrary.version(of: "librocksdb") }
        static let hasOnlineBackup = true

        static let calls = unsafe LogStructuredCalls(
            free: rocksdb_free, put: rocksdb_put, delete: rocksdb_delete, write: rocksdb_write,
            createBatch: rocksdb_writebatch_create, destroyBatch: rocksdb_writebatch_destroy,
            putInBatch: rocksdb_writebatch_put, createReadOptions: rocksdb_readoptions_create,
            destroyReadOptions: rocksdb_readoptions_destroy, setSnapshot: rocksdb_readoptions_set_snapshot,
            createWriteOptions: rocksdb_writeoptions_create,
            destroyWriteOptions: rocksdb_writeoptions_destroy, setSync: rocksdb_writeoptions_set_sync,
            createSnapshot: rocksdb_create_snapshot, releaseSnapshot: rocksdb_release_snapshot,
            createIterator: rocksdb_create_iterator, destroyIterator: rocksdb_iter_destroy,
            seekToFirst: rocksdb_iter_seek_to_first, seekToLast: rocksdb_iter_seek_to_last,
            seek: rocksdb_iter_seek, isValid: rocksdb_iter_valid, next: rocksdb_iter_next,
            previous: rocksdb_iter_prev, key: rocksdb_iter_key, value: rocksdb_iter_value,
            iteratorError: rocksdb_iter_get_error)

        let database: OpaquePointer
        private let family: OpaquePointer
        private let options: OpaquePointer?
        private let cache: OpaquePointer?

        init(directory: String, cacheBytes: Int) throws {
            let (options, cache) = unsafe Self.makeOptions(cacheBytes: cacheBytes)
            unsafe (self.options, self.cache) = unsafe (options, cache)
            var family: OpaquePointer?
            var error: UnsafeMutablePointer<CChar>?
            let opened = unsafe "default".withCString { name in
                var names: [UnsafePointer<CChar>?] = unsafe [name]
                var familyOptions: [OpaquePointer?] = unsafe [options]
                return unsafe rocksdb_open_column_families(
                    options, directory, 1, &names, &familyOptions, &family, &error)
            }
            try unsafe Self.check(error, "open")
            guard let opened = unsafe opened, let family = unsafe family else {
                throw BenchmarkFailure(.failure, "RocksDB: open: no database")
            }
            unsafe (database, self.family) = unsafe (opened, family)
        }

        private static func makeOptions(cacheBytes: Int) -> (options: OpaquePointer?, cache: OpaquePointer?) {
            let options = unsafe rocksdb_options_create()
            let cache = unsafe rocksdb_cache_create_lru(cacheBytes)
            let table = unsafe rocksdb_block_based_options_create()
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
            unsafe rocksdb_options_destroy(options)
            unsafe rocksdb_cache_destroy(cache)
        }

        // MARK: Reading

        @inline(__always)
        func get<Visitor: ValueVisitor>(
            _ key: RawSpan, _ visitor: inout Visitor, _ options: OpaquePointer?
        ) throws -> Bool {
            var error: UnsafeMutablePointer<CChar>?
            let slice = unsafe withCharacters(key, key) { name, _ in
                unsafe rocksdb_get_pinned(database, options, name.baseAddress, name.count, &error)
            }
            try unsafe Self.check(error, "get")
            guard let slice = unsafe slice else { return false }
            unsafe visitor.visit(Self.value(slice))
            unsafe rocksdb_pinnableslice_destroy(slice)
            return true
        }

        func multiGet<Visitor: BlockVisitor>(
            _ keys: borrowing KeyBlock, _ visitor: inout Visitor, _ options: OpaquePointer?
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
                    database, options, family, count, names, lengths, &slices, &errors, false)
            }
            var hits = 0
            for index in 0..<count {
                try unsafe Self.check(errors[index], "batched_multi_get")
                guard let slice = unsafe slices[index] else { continue }
                unsafe visitor.visit(Self.value(slice), at: index)
                unsafe rocksdb_pinnableslice_destroy(slice)
                hits += 1
            }
            return hits
        }

        @inline(__always) @_lifetime(immortal)
        private static func value(_ slice: OpaquePointer) -> RawSpan {
            var length = 0
            let start = unsafe rocksdb_pinnableslice_value(slice, &length)
            let bytes = unsafe UnsafeRawBufferPointer(start: start, count: length)
            return unsafe _overrideLifetime(RawSpan(_unsafeBytes: bytes), borrowing: ())
        }

        // MARK: Copies

        /// By the backup engine, which copies tables and log; a checkpoint of the library shares its files instead.
        func backup(to directory: String) throws {
            let engine = try unsafe Self.backupEngine(options, directory)
            defer { unsafe rocksdb_backup_engine_close(engine) }
            var error: UnsafeMutablePointer<CChar>?
            unsafe rocksdb_backup_engine_create_new_backup(engine, database, &error)
            try unsafe Self.check(error, "backup")
        }

        static func prepareBackup(in directory: String) throws {
            let files = FileManager.default
            let backup = directory + ".backup"
            try files.moveItem(atPath: directory, toPath: backup)
            defer { try? files.removeItem(atPath: backup) }
            let (options, cache) = unsafe makeOptions(cacheBytes: 1 << 20)
            let restoring = unsafe rocksdb_restore_options_create()
            defer {
                unsafe rocksdb_restore_options_destroy(restoring)
                unsafe rocksdb_options_destroy(options)
                unsafe rocksdb_cache_destroy(cache)
            }
            let engine = try unsafe backupEngine(options, backup)
            defer { unsafe rocksdb_backup_engine_close(engine) }
            var error: UnsafeMutablePointer<CChar>?
            unsafe rocksdb_backup_engine_restore_db_from_latest_backup(
                engine, directory, directory, restoring, &error)
            try unsafe check(error, "restore")
        }

        private static func backupEngine(
            _ options: OpaquePointer?, _ directory: String
        ) throws -> OpaquePointer? {
            var error: UnsafeMutablePointer<CChar>?
            let engine = unsafe rocksdb_backup_engine_open(options, directory, &error)
            try unsafe check(error, "backup engine")
            return unsafe engine
        }
    }
#endif
