#if SQLite
    import CSQLite

    /// One connection with its prepared statements, used by one thread at a time.
    @safe final class SQLiteConnection: @unchecked Sendable {
        enum Statement: Int, CaseIterable {
            case begin, commit, rollback, put, get, delete, up, down, upFrom

            var text: String {
                switch self {
                case .begin: return "BEGIN"
                case .commit: return "COMMIT"
                case .rollback: return "ROLLBACK"
                case .put:
                    return
                        "INSERT INTO pairs VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2"
                case .get: return "SELECT value FROM pairs WHERE key = ?1"
                case .delete: return "DELETE FROM pairs WHERE key = ?1"
                case .up: return "SELECT key, value FROM pairs ORDER BY key"
                case .down: return "SELECT key, value FROM pairs ORDER BY key DESC"
                case .upFrom: return "SELECT key, value FROM pairs WHERE key >= ?1 ORDER BY key"
                }
            }
        }

        private let connection: OpaquePointer
        private var statements: [OpaquePointer?] = unsafe []

        init(path: String, cacheBytes: Int) throws {
            var opened: OpaquePointer?
            let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
            let code = unsafe sqlite3_open_v2(path, &opened, flags, nil)
            guard code == SQLITE_OK, let connection = unsafe opened else {
                throw BenchmarkFailure(.failure, "SQLite: cannot open \(path): code \(code)")
            }
            unsafe self.connection = connection
            unsafe sqlite3_busy_timeout(connection, 60_000)
            for setting in [
                "journal_mode = WAL", "synchronous = FULL", "cache_size = -\(cacheBytes >> 10)",
                "mmap_size = \(cacheBytes)",
            ] { try execute("PRAGMA \(setting)") }
        }

        func createTable() throws {
            try execute(
                "CREATE TABLE IF NOT EXISTS pairs (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")
        }

        func prepare() throws {
            unsafe statements = try Statement.allCases.map { statement in
                var prepared: OpaquePointer?
                try check(
                    unsafe sqlite3_prepare_v3(
                        connection, statement.text, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil),
                    statement.text)
                return unsafe prepared
            }
        }

        func close() throws {
            for index in unsafe statements.indices { unsafe _ = sqlite3_finalize(statements[index]) }
            try check(unsafe sqlite3_close(connection), "close")
        }

        // MARK: Statements

        func put(_ key: RawSpan, _ value: RawSpan) throws {
            let statement = unsafe statements[Statement.put.rawValue]
            try unsafe key.withUnsafeBytes { name in
                try unsafe value.withUnsafeBytes { data in
                    unsafe sqlite3_bind_blob(statement, 1, name.baseAddress, Int32(name.count), nil)
                    // A null pointer would be a null value, not an empty one.
                    if unsafe data.isEmpty {
                        unsafe sqlite3_bind_zeroblob(statement, 2, 0)
                    } else {
                        unsafe sqlite3_bind_blob(statement, 2, data.baseAddress, Int32(data.count), nil)
                    }
                    try unsafe finish(statement)
                }
            }
        }

        func delete(_ key: RawSpan) throws -> Bool {
            let statement = unsafe statements[Statement.delete.rawValue]
            try unsafe key.withUnsafeBytes { name in
                unsafe sqlite3_bind_blob(statement, 1, name.baseAddress, Int32(name.count), nil)
                try unsafe finish(statement)
            }
            return unsafe sqlite3_changes(connection) == 1
        }

        @inline(__always)
        func get<Visitor: ValueVisitor>(_ key: RawSpan, _ visitor: inout Visitor) throws -> Bool {
            let statement = unsafe statements[Statement.get.rawValue]
            return try unsafe key.withUnsafeBytes { name in
                unsafe sqlite3_bind_blob(statement, 1, name.baseAddress, Int32(name.count), nil)
                let code = unsafe sqlite3_step(statement)
                defer { unsafe sqlite3_reset(statement) }
                if code == SQLITE_DONE { return false }
                if code != SQLITE_ROW { try check(code, "get") }
                unsafe visitor.visit(column(0, of: statement))
                return true
            }
        }

        @inline(__always)
        func scan<Visitor: PairVisitor>(
            _ kind: Statement, from key: RawSpan?, limit: Int, _ visitor: inout Visitor
        ) throws -> Int {
            let statement = unsafe statements[kind.rawValue]
            if let key {
                // The key is copied: it need not outlive this call.
                unsafe key.withUnsafeBytes { name in
                    let copies = unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)
                    unsafe sqlite3_bind_blob(statement, 1, name.baseAddress, Int32(name.count), copies)
                }
            }
            defer { unsafe sqlite3_reset(statement) }
            var count = 0
            while count < limit {
                let code = unsafe sqlite3_step(statement)
                if code == SQLITE_DONE { break }
                if code != SQLITE_ROW { try check(code, "scan") }
                unsafe visitor.visit(column(0, of: statement), column(1, of: statement))
                count += 1
            }
            return count
        }

        func run(_ statement: Statement) throws {
            try unsafe finish(statements[statement.rawValue])
        }

        @inline(__always)
        func transaction<R>(_ body: () throws -> R) throws -> R {
            try run(.begin)
            do {
                let result = try body()
                try run(.commit)
                return result
            } catch {
                try? run(.rollback)
                throw error
            }
        }

        /// Copies the database, as it is at the first page, to a new file, and syncs that.
        func backup(to path: String) throws {
            var opened: OpaquePointer?
            let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
            let code = unsafe sqlite3_open_v2(path, &opened, flags, nil)
            guard code == SQLITE_OK, let copy = unsafe opened else {
                throw BenchmarkFailure(.failure, "SQLite: cannot open \(path): code \(code)")
            }
            defer { unsafe sqlite3_close(copy) }
            guard let work = unsafe sqlite3_backup_init(copy, "main", connection, "main") else {
                throw BenchmarkFailure(
                    .failure, "SQLite: no backup: \(unsafe String(cString: sqlite3_errmsg(copy)))")
            }
            let end = unsafe sqlite3_backup_step(work, -1)
            unsafe sqlite3_backup_finish(work)
            guard end == SQLITE_DONE else {
                throw BenchmarkFailure(.failure, "SQLite: the backup ended with code \(end)")
            }
        }

        // MARK: The library

        private func finish(_ statement: OpaquePointer?) throws {
            let code = unsafe sqlite3_step(statement)
            unsafe sqlite3_reset(statement)
            if code != SQLITE_DONE { try check(code, "step") }
        }

        /// Valid until the statement moves on.
        @inline(__always) @_lifetime(immortal)
        private func column(_ index: Int32, of statement: OpaquePointer?) -> RawSpan {
            let start = unsafe sqlite3_column_blob(statement, index)
            let count = unsafe Int(sqlite3_column_bytes(statement, index))
            let bytes = unsafe UnsafeRawBufferPointer(start: start, count: count)
            return unsafe _overrideLifetime(RawSpan(_unsafeBytes: bytes), borrowing: ())
        }

        private func execute(_ text: String) throws {
            try check(unsafe sqlite3_exec(connection, text, nil, nil, nil), text)
        }

        private func check(_ code: Int32, _ what: String) throws {
            guard code != SQLITE_OK else { return }
            let reason = unsafe String(cString: sqlite3_errmsg(connection))
            throw BenchmarkFailure(.failure, "SQLite: \(what): \(reason)")
        }
    }
#endif
