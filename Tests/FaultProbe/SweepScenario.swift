internal import CFaults
internal import Glibc
internal import PmemStore

/// A piece of a store's life in which calls fail, and what must be there afterwards whatever has failed.
///
/// Transaction n puts n under its own key and under "newest", so that what is found can be judged without a ledger.
struct SweepScenario {
    let name: String
    /// Whether a store is there before, killed with a full log.
    let hasStore: Bool
    /// Whether it is opened before calls begin to fail.
    let opensFirst: Bool
    /// What is done to it first.
    var prepare: (Store) throws -> Void = { _ in }
    /// Whether a copy of the store is made beside it, whole or not at all.
    var copies = false
    /// Calls whose failure whoever runs this must hear of. What fails while the store grows is tried again, and what
    /// fails while it is closed is in the log.
    var mustBeHeard: Set<String> = ["fsync", "fdatasync", "msync"]
    /// What is done then, up to the store's end, while calls still fail.
    var end: (Store?, inout UInt64) throws -> Void = { store, _ in try store?.close() }
    /// What is done while calls fail. Counts acknowledged transactions.
    let body: (Store?, String, inout UInt64) throws -> Store?

    static var all: [SweepScenario] {
        [
            SweepScenario(
                name: "create", hasStore: false, opensFirst: false,
                end: { store, acknowledged in
                    try store.map { try put(1, in: $0, &acknowledged) }
                    try store?.close()
                }
            ) { _, path, _ in try Store.open(path, options: options) },
            SweepScenario(name: "open", hasStore: true, opensFirst: false) { _, path, _ in
                try Store.open(path, options: options)
            },
            // Nothing is replayed here, so that no memory is needed that has not been claimed first.
            SweepScenario(name: "reopen", hasStore: true, opensFirst: true, mustBeHeard: []) {
                store, path, _ in
                try store?.close()
                return try Store.open(path, options: options)
            },
            SweepScenario(
                name: "commit", hasStore: true, opensFirst: true, mustBeHeard: ["msync"]
            ) { store, _, acknowledged in
                for count in [10, 10, 50_000] { try store.map { try put(count, in: $0, &acknowledged) } }
                return store
            },
            SweepScenario(name: "checkpoint", hasStore: true, opensFirst: true) { store, _, _ in
                try store?.checkpoint()
                return store
            },
            SweepScenario(
                name: "grow", hasStore: true, opensFirst: true, mustBeHeard: []
            ) { store, _, acknowledged in
                guard let store else { return nil }
                let segments = store.statistics.segments
                while store.statistics.segments == segments { try put(400_000, in: store, &acknowledged) }
                try put(1, in: store, &acknowledged)
                return store
            },
            SweepScenario(
                name: "close", hasStore: true, opensFirst: true, mustBeHeard: []
            ) { store, _, acknowledged in
                try store.map { try put(1, in: $0, &acknowledged) }
                try store?.close()
                return nil
            },
            SweepScenario(
                name: "shrink", hasStore: true, opensFirst: true, prepare: growAndEmpty
            ) { store, _, _ in
                try store?.shrink()
                return store
            },
            SweepScenario(name: "backup", hasStore: true, opensFirst: true, copies: true) { store, path, _ in
                try store?.backup(to: copy(of: path), options: options)
                return store
            },
        ]
    }

    static func copy(of store: String) -> String { store + ".copy" }

    /// Two segments more, in which nothing is left.
    private static func growAndEmpty(_ store: Store) throws {
        let segments = store.statistics.segments
        try store.write { tx in _ = try tx.createTable("ballast") }
        var number: UInt8 = 0
        while store.statistics.segments < segments + 2 {
            try store.write { tx in
                let ballast = [UInt8](repeating: number, count: 400_000)
                try tx.put(ballast, forKey: [number], in: try tx.table(named: "ballast"))
            }
            number += 1
        }
        try store.write { tx in try tx.dropTable("ballast") }
        try store.checkpoint()
    }

    static var options: StoreOptions {
        var options = StoreOptions()
        options.acceptsVolatileMedium = true
        options.initialBytes = 4 << 20
        options.logBytes = 64 << 10
        return options
    }

    /// As ``options``, with a log that needs no checkpoint for a while.
    static var uncheckpointed: StoreOptions {
        var options = options
        options.initialBytes = 16 << 20
        options.recoveryTimeTargetNanoseconds = 1 << 50
        options.logBytes = 1 << 20
        return options
    }

    // MARK: Transactions

    private static func bytes(_ number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }

    private static func number(_ bytes: [UInt8]?) -> UInt64 {
        (bytes ?? []).prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func value(_ number: UInt64, _ count: Int) -> [UInt8] {
        bytes(number) + [UInt8](repeating: UInt8(number & 0xff), count: count)
    }

    private static let longKeys: UInt64 = 3

    /// Neighbours share much, the others nothing: the inner nodes above them are larger than usual.
    private static func longKey(_ number: UInt64) -> [UInt8] {
        [UInt8](repeating: UInt8(200 + number % 5), count: 300) + bytes(number)
    }

    /// One transaction with a value of `count` bytes.
    static func put(_ count: Int, in store: Store, _ acknowledged: inout UInt64) throws {
        let next = acknowledged + 1
        try store.write { tx in
            try tx.put(value(next, count), forKey: bytes(next))
            try tx.put(bytes(next), forKey: "newest")
            for part in 0..<longKeys { try tx.put([], forKey: longKey(next * longKeys + part)) }
        }
        acknowledged = next
        unsafe onAcknowledge?(next)
    }

    /// Told of each, where the process may not come to its end.
    nonisolated(unsafe) static var onAcknowledge: ((UInt64) -> Void)?

    /// The newest transaction found, or what is wrong.
    static func verify(_ store: Store) throws -> UInt64 {
        try store.read { tx in
            let newest = number(try tx.get("newest"))
            for number in 1..<(newest + 1) {
                guard let found = try tx.get(bytes(number)), found == value(number, found.count - 8)
                else { throw Broken(what: "transaction \(number) of \(newest) is not whole") }
            }
            let count = try tx.count()
            guard count == newest * (1 + longKeys) + (newest > 0 ? 1 : 0) else {
                throw Broken(what: "\(count) pairs for \(newest)")
            }
            return newest
        }
    }
}

/// What a sweep must not find.
struct Broken: Error, CustomStringConvertible {
    let what: String
    var description: String { what }
}
