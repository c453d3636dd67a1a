#if LMDB
    import CLMDB
    import Glibc

    /// LMDB, in its default mode (pages written to the file, then fdatasync, then the meta page) or with WRITEMAP
    /// (pages changed in the mapping, then msync). Both wait for the medium at each commit.
    ///
    /// A read renews a transaction that was reset, which is the fastest way that the library has.
    @safe final class LMDBEngine: BenchmarkEngine, @unchecked Sendable {
        static let abilities = EngineAbilities()

        static var version: String {
            var (major, minor, patch): (Int32, Int32, Int32) = (0, 0, 0)
            _ = unsafe mdb_version(&major, &minor, &patch)
            return "\(major).\(minor).\(patch)"
        }

        let domain: String
        let durability: String
        let lease = "none"

        private let environment: OpaquePointer
        private let table: MDB_dbi
        private let readers: HandlePool<LMDBReader>

        static func create(in directory: String, options: EngineOptions) throws -> LMDBEngine {
            try LMDBEngine(directory, options)
        }

        static func open(in directory: String, options: EngineOptions) throws -> LMDBEngine {
            try LMDBEngine(directory, options)
        }

        private init(_ directory: String, _ options: EngineOptions) throws {
            let writesMap = options.engine == .lmdbWritemap
            var created: OpaquePointer?
            try Self.check(unsafe mdb_env_create(&created), "mdb_env_create")
            guard let environment = unsafe created else { throw Self.failure("mdb_env_create", ENOMEM) }
            unsafe self.environment = environment
            try Self.check(
                unsafe mdb_env_set_mapsize(environment, Self.mapBytes(options)), "mdb_env_set_mapsize")
            let flags = UInt32(MDB_NOTLS | (writesMap ? MDB_WRITEMAP : 0))
            try Self.check(unsafe mdb_env_open(environment, directory, flags, 0o600), "mdb_env_open")
            let transaction = try unsafe Self.begin(environment, 0)
            var table: MDB_dbi = 0
            try Self.check(unsafe mdb_dbi_open(transaction, nil, 0, &table), "mdb_dbi_open")
            try Self.check(unsafe mdb_txn_commit(transaction), "mdb_txn_commit")
            self.table = table
            readers = try HandlePool(threads: options.threads) {
                try unsafe LMDBReader(environment, table)
            }
            domain = Self.pageDomain(options)
            durability =
                writesMap
                ? "WRITEMAP: msync of pages and meta page" : "fdatasync of pages, then of the meta page"
        }

        /// The map costs address space only: far more than churn beside a reader needs. It cannot grow when it is full,
        /// because the library wants no transaction to be open then, and the reader's is. Beside a reader that stays,
        /// every write leaves a path of pages that nobody may use again; the next round finds only some of them free.
        private static func mapBytes(_ options: EngineOptions) -> Int {
            let pair = max(
                16 * (options.expectedPairBytes + 128), 4 * EngineName.lmdb.bytesPerWriteBesideView)
            return (1 << 30) + options.expectedPairs * pair
        }

        func close() {
            for reader in readers.all { reader.release() }
            unsafe mdb_env_close(environment)
        }

        // MARK: Writing

        func put(_ key: RawSpan, _ value: RawSpan) throws {
            try unsafe write { try unsafe put(key, value, in: $0) }
        }

        func putBatch<Source: PairSource>(_ count: Int, from source: inout Source) throws {
            try unsafe write { transaction in
                for _ in 0..<count {
                    source.advance()
                    try unsafe put(source.key, source.value, in: transaction)
                }
            }
        }

        func append<Source: PairSource>(_ count: Int, from source: inout Source) throws {
            try unsafe write { transaction in
                for _ in 0..<count {
                    source.advance()
                    try unsafe put(source.key, source.value, in: transaction, flags: UInt32(MDB_APPEND))
                }
            }
        }

        func delete(_ key: RawSpan) throws -> Bool? {
            try unsafe write { transaction in
                try unsafe withKey(key) { name in
                    let code = unsafe mdb_del(transaction, table, &name, nil)
                    if code == MDB_NOTFOUND { return false }
                    try Self.check(code, "mdb_del")
                    return true
                }
            }
        }

        func readModifyWrite<Visitor: ValueVisitor>(
            _ key: RawSpan, _ value: RawSpan, _ visitor: inout Visitor
        ) throws -> Bool {
            try unsafe write { transaction in
                let isFound = try unsafe get(key, &visitor, in: transaction)
                try unsafe put(key, value, in: transaction)
                return isFound
            }
        }

        func changePair<Change: PairChange>(
            _ first: RawSpan, _ second: RawSpan, _ change: inout Change
        ) throws -> Bool {
            try unsafe write { transaction in
                let areFound = try change.see(first, second) { try unsafe get($0, &$1, in: transaction) }
                try unsafe put(first, change.first, in: transaction)
                try unsafe put(second, change.second, in: transaction)
                return areFound
            }
        }

        @inline(__always)
        private func write<R>(_ body: (OpaquePointer) throws -> R) throws -> R {
            let transaction = try unsafe Self.begin(environment, 0)
            let result: R
            do {
                result = try unsafe body(transaction)
            } catch {
                unsafe mdb_txn_abort(transaction)
                throw error
            }
            try Self.check(unsafe mdb_txn_commit(transaction), "mdb_txn_commit")
            return result
        }

        @inline(__always)
        private func put(
            _ key: RawSpan, _ value: RawSpan, in transaction: OpaquePointer, flags: UInt32 = 0
        ) throws {
            try unsafe withKey(key) { name in
                try unsafe value.withUnsafeBytes { bytes in
                    var data = unsafe MDB_val(bytes)
                    try Self.check(unsafe mdb_put(transaction, table, &name, &data, flags), "mdb_put")
                }
            }
        }

        // MARK: Reading

        func get<Visitor: ValueVisitor>(_ key: RawSpan, _ visitor: inout Visitor) throws -> Bool {
            try readers.with { reader in
                try reader.renew()
                defer { reader.reset() }
                return try unsafe get(key, &visitor, in: reader.transaction)
            }
        }

        func multiGet<Visitor: BlockVisitor>(
            _ keys: borrowing KeyBlock, _ visitor: inout Visitor
        ) throws -> Int {
            var hits = 0
            try readers.with { reader in
                try reader.renew()
                defer { reader.reset() }
                for index in 0..<keys.count {
                    var one = IndexedVisitor(visitor: visitor, index: index)
                    if try unsafe get(keys[index], &one, in: reader.transaction) { hits += 1 }
                    visitor = one.visitor
                }
            }
            return hits
        }

        @inline(__always)
        private func get<Visitor: ValueVisitor>(
            _ key: RawSpan, _ visitor: inout Visitor, in transaction: OpaquePointer
        ) throws -> Bool {
            try unsafe withKey(key) { name in
                var data = unsafe MDB_val()
                let code = unsafe mdb_get(transaction, table, &name, &data)
                if code == MDB_NOTFOUND { return false }
                try Self.check(code, "mdb_get")
                unsafe visitor.visit(data.span)
                return true
            }
        }

        func scan<Visitor: PairVisitor>(reverse: Bool, _ visitor: inout Visitor) throws -> Int {
            try readers.with { reader in
                try reader.renew()
                defer { reader.reset() }
                return try reader.scan(
                    first: reverse ? MDB_LAST : MDB_FIRST, then: reverse ? MDB_PREV : MDB_NEXT, limit: .max,
                    from: nil, &visitor)
            }
        }

        func scan<Visitor: PairVisitor>(
            from key: RawSpan, limit: Int, _ visitor: inout Visitor
        ) throws -> Int {
            try readers.with { reader in
                try reader.renew()
                defer { reader.reset() }
                return try reader.scan(
                    first: MDB_SET_RANGE, then: MDB_NEXT, limit: limit, from: key, &visitor)
            }
        }

        func snapshot() throws -> any EngineSnapshot {
            try unsafe LMDBSnapshot(reader: LMDBReader(environment, table))
        }

        /// The library copies one snapshot of its pages; it leaves their way to the medium to its user.
        func backup(to directory: String) throws {
            try Self.check(unsafe mdb_env_copy(environment, directory), "mdb_env_copy")
            try FileSync.sync(directory + "/data.mdb")
        }

        func count() throws -> Int {
            let transaction = try unsafe Self.begin(environment, UInt32(MDB_RDONLY))
            defer { unsafe mdb_txn_abort(transaction) }
            var status = MDB_stat()
            try Self.check(unsafe mdb_stat(transaction, table, &status), "mdb_stat")
            return status.ms_entries
        }

        /// Pages up to the last one that was ever used: what the file holds without WRITEMAP, too.
        func usedBytes() throws -> UInt64 {
            var (info, status) = (unsafe MDB_envinfo(), MDB_stat())
            try Self.check(unsafe mdb_env_info(environment, &info), "mdb_env_info")
            try Self.check(unsafe mdb_env_stat(environment, &status), "mdb_env_stat")
            return unsafe UInt64(info.me_last_pgno + 1) * UInt64(status.ms_psize)
        }

        // MARK: The library

        @inline(__always)
        private func withKey<R>(_ key: RawSpan, _ body: (inout MDB_val) throws -> R) throws -> R {
            try unsafe key.withUnsafeBytes { bytes in
                var name = unsafe MDB_val(bytes)
                return try unsafe body(&name)
            }
        }

        fileprivate static func begin(_ environment: OpaquePointer, _ flags: UInt32) throws -> OpaquePointer {
            var begun: OpaquePointer?
            try check(unsafe mdb_txn_begin(environment, nil, flags, &begun), "mdb_txn_begin")
            guard let transaction = unsafe begun else { throw failure("mdb_txn_begin", ENOMEM) }
            return unsafe transaction
        }

        @inline(__always)
        fileprivate static func check(_ code: Int32, _ call: String) throws {
            if code != MDB_SUCCESS { throw failure(call, code) }
        }

        private static func failure(_ call: String, _ code: Int32) -> BenchmarkFailure {
            BenchmarkFailure(.failure, "LMDB: \(call): \(unsafe String(cString: mdb_strerror(code)))")
        }
    }

    /// A read transaction and its cursor, used by one thread at a time. Reset between uses.
    @safe private final class LMDBReader {
        let transaction: OpaquePointer
        private let cursor: OpaquePointer

        init(_ environment: OpaquePointer, _ table: MDB_dbi) throws {
            unsafe transaction = try unsafe LMDBEngine.begin(environment, UInt32(MDB_RDONLY))
            var opened: OpaquePointer?
            try LMDBEngine.check(unsafe mdb_cursor_open(transaction, table, &opened), "mdb_cursor_open")
            guard let cursor = unsafe opened else {
                throw BenchmarkFailure(.failure, "LMDB: mdb_cursor_open: no cursor")
            }
            unsafe self.cursor = cursor
            reset()
        }

        @inline(__always)
        func renew() throws {
            try LMDBEngine.check(unsafe mdb_txn_renew(transaction), "mdb_txn_renew")
        }

        @inline(__always)
        func reset() {
            unsafe mdb_txn_reset(transaction)
        }

        func release() {
            unsafe mdb_cursor_close(cursor)
            unsafe mdb_txn_abort(transaction)
        }

        @inline(__always)
        func scan<Visitor: PairVisitor>(
            first: MDB_cursor_op, then next: MDB_cursor_op, limit: Int, from key: RawSpan?,
            _ visitor: inout Visitor
        ) throws -> Int {
            try LMDBEngine.check(unsafe mdb_cursor_renew(transaction, cursor), "mdb_cursor_renew")
            var (name, data) = unsafe (MDB_val(), MDB_val())
            var code: Int32
            if let key {
                code = unsafe key.withUnsafeBytes { bytes in
                    unsafe name = unsafe MDB_val(bytes)
                    return unsafe mdb_cursor_get(cursor, &name, &data, first)
                }
            } else {
                code = unsafe mdb_cursor_get(cursor, &name, &data, first)
            }
            var count = 0
            while code == MDB_SUCCESS {
                unsafe visitor.visit(name.span, data.span)
                count += 1
                if count == limit { return count }
                code = unsafe mdb_cursor_get(cursor, &name, &data, next)
            }
            if code != MDB_NOTFOUND { try LMDBEngine.check(code, "mdb_cursor_get") }
            return count
        }
    }

    private struct LMDBSnapshot: EngineSnapshot {
        let reader: LMDBReader

        init(reader: LMDBReader) throws {
            self.reader = reader
            try reader.renew()
        }

        func scan<Visitor: PairVisitor>(_ visitor: inout Visitor) throws -> Int {
            try reader.scan(first: MDB_FIRST, then: MDB_NEXT, limit: .max, from: nil, &visitor)
        }

        func release() {
            reader.reset()
            reader.release()
        }
    }

    extension MDB_val {
        @inline(__always)
        fileprivate init(_ bytes: UnsafeRawBufferPointer) {
            unsafe self.init(
                mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
        }

        /// Valid until the transaction ends or writes.
        fileprivate var span: RawSpan {
            @_lifetime(immortal) @inline(__always)
            get {
                let bytes = unsafe UnsafeRawBufferPointer(start: mv_data, count: mv_size)
                return unsafe _overrideLifetime(RawSpan(_unsafeBytes: bytes), borrowing: ())
            }
        }
    }
#endif
