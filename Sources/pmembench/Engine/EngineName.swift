/// The engines that can be asked for, whether they are built in or not.
enum EngineName: String, CaseIterable, Sendable {
    case pmemstore
    case libpmemobj
    case libpmemobjHash = "libpmemobj-hash"
    case lmdb
    case lmdbWritemap = "lmdb-writemap"
    case rocksdb
    case sqlite
    case leveldb

    /// The package trait that builds the engine in and the Debian package that it needs; nil where it always is.
    var trait: (name: String, package: String)? {
        switch self {
        case .pmemstore, .libpmemobj, .libpmemobjHash: return nil
        case .lmdb, .lmdbWritemap: return ("LMDB", "liblmdb-dev")
        case .rocksdb: return ("RocksDB", "librocksdb-dev")
        case .sqlite: return ("SQLite", "libsqlite3-dev")
        case .leveldb: return ("LevelDB", "libleveldb-dev")
        }
    }

    static var builtIn: [EngineName] { allCases.filter(\.isBuiltIn) }
}

/// Work that is generic over engines.
protocol EngineVisitor {
    associatedtype Result
    func visit<Engine: BenchmarkEngine>(_ type: Engine.Type) throws -> Result
}

/// The one place that knows which type stands behind a name.
extension EngineName {
    func accept<Visitor: EngineVisitor>(_ visitor: Visitor) throws -> Visitor.Result {
        switch self {
        case .pmemstore: return try visitor.visit(PmemStoreEngine.self)
        case .libpmemobj: return try visitor.visit(PmemobjEngine<PmemobjTree>.self)
        case .libpmemobjHash: return try visitor.visit(PmemobjEngine<PmemobjHashMap>.self)
        #if LMDB
            case .lmdb, .lmdbWritemap: return try visitor.visit(LMDBEngine.self)
        #else
            case .lmdb, .lmdbWritemap: throw notBuiltIn
        #endif
        #if RocksDB
            case .rocksdb: return try visitor.visit(LogStructuredEngine<RocksDBLibrary>.self)
        #else
            case .rocksdb: throw notBuiltIn
        #endif
        #if SQLite
            case .sqlite: return try visitor.visit(SQLiteEngine.self)
        #else
            case .sqlite: throw notBuiltIn
        #endif
        #if LevelDB
            case .leveldb: return try visitor.visit(LogStructuredEngine<LevelDBLibrary>.self)
        #else
            case .leveldb: throw notBuiltIn
        #endif
        }
    }

    var isBuiltIn: Bool {
        guard let trait else { return true }
        return Self.traits.contains(trait.name)
    }

    var notBuiltIn: BenchmarkFailure {
        let remedy = trait.map { "install \($0.package) and build with --traits \($0.name)" } ?? "build it in"
        return BenchmarkFailure(.usage, "\(rawValue) is not built in; \(remedy), or run make bench")
    }

    /// Traits that this program was built with.
    private static var traits: Set<String> {
        var traits: Set<String> = []
        #if LMDB
            traits.insert("LMDB")
        #endif
        #if RocksDB
            traits.insert("RocksDB")
        #endif
        #if SQLite
            traits.insert("SQLite")
        #endif
        #if LevelDB
            traits.insert("LevelDB")
        #endif
        return traits
    }
}
