internal import CPmem

/// What a read transaction, a write transaction and a snapshot have in common: reading.
///
/// Keys and values are lent in place, from the mapping; they are valid for the call of the closure that gets them, or
/// as long as the transaction where a `RawSpan` is returned. Nothing here waits, and no read costs a fence.
public protocol ReadableTransaction: ~Copyable, ~Escapable {
    /// The table's tree as this transaction sees it. For this module's own use.
    func _root(of table: Table) throws(StoreError) -> _TableRoot

    /// The value of a key, in place; nil when the key is not there. For this module's own use.
    func _find(
        _ key: UnsafeRawBufferPointer, in table: Table
    ) throws(StoreError) -> UnsafeRawBufferPointer?
}

/// A table's tree as a transaction sees it. For this module's own use.
public struct _TableRoot {
    package let view: TableView<DirectMedium>
    /// Keeps the engine's memory while the root is used.
    package init(view: TableView<DirectMedium>) { self.view = view }
}

extension ReadableTransaction where Self: ~Copyable & ~Escapable {
    /// For this module's own use.
    public borrowing func _find(
        _ key: UnsafeRawBufferPointer, in table: Table
    ) throws(StoreError) -> UnsafeRawBufferPointer? {
        try unsafe _root(of: table).view.find(key)
    }

    /// Calls `body` with the value of a key, in place; nil when the key is not there.
    @inlinable
    public borrowing func withValue<R>(
        forKey key: some StoreBytes, in table: Table = .main, _ body: (RawSpan) throws -> R
    ) throws -> R? {
        let value = try unsafe key.withStoreBytes { (key: UnsafeRawBufferPointer) throws(StoreError) in
            try unsafe _find(key, in: table)
        }
        guard let value = unsafe value else { return nil }
        return unsafe try body(RawSpan(_unsafeBytes: value))
    }

    /// A copy of the value of a key; nil when the key is not there.
    @inlinable
    public borrowing func get(_ key: some StoreBytes, in table: Table = .main) throws(StoreError) -> [UInt8]?
    {
        return try unsafe key.withStoreBytes { (key: UnsafeRawBufferPointer) throws(StoreError) in
            try unsafe _find(key, in: table).map { unsafe [UInt8]($0) }
        }
    }

    /// True when the key is there.
    @inlinable
    public borrowing func contains(_ key: some StoreBytes, in table: Table = .main) throws(StoreError) -> Bool
    {
        return try unsafe key.withStoreBytes { (key: UnsafeRawBufferPointer) throws(StoreError) in
            try unsafe _find(key, in: table) != nil
        }
    }

    /// Number of pairs in a table. O(1).
    public borrowing func count(in table: Table = .main) throws(StoreError) -> Int {
        try _root(of: table).view.count
    }

    /// A copy of the pair with the least key.
    public borrowing func first(in table: Table = .main) throws(StoreError) -> Pair? {
        try _root(of: table).view.edge(last: false)
    }

    /// A copy of the pair with the greatest key.
    public borrowing func last(in table: Table = .main) throws(StoreError) -> Pair? {
        try _root(of: table).view.edge(last: true)
    }

    /// Calls `body` with the pairs whose keys are at least `lower` and less than `upper`, in order, or from the
    /// greatest key down; ends when `body` returns false. The records ahead are fetched while one is looked at.
    public borrowing func forEach(
        in table: Table = .main, from lower: [UInt8]? = nil, to upper: [UInt8]? = nil, reversed: Bool = false,
        _ body: (_ key: RawSpan, _ value: RawSpan) throws -> Bool
    ) throws {
        let view = try _root(of: table).view
        if reversed {
            try view.scanBackward(lower, upper, body)
        } else {
            try view.scanForward(lower, upper, body)
        }
    }

    /// Looks up many keys; `body` gets the index of each and its value, or nil. Cache misses overlap, which makes this
    /// several times as fast as as many single calls.
    ///
    /// `body` is called once for each key, in the order of `keys`, for a group of keys at a time. The bytes are lent in
    /// place and valid for that call. The keys must stay valid until the last one.
    public borrowing func multiGet(
        _ keys: UnsafeBufferPointer<UnsafeRawBufferPointer>, in table: Table = .main,
        _ body: (Int, UnsafeRawBufferPointer?) throws -> Void
    ) throws {
        let view = try _root(of: table).view
        let group = MultiGet<DirectMedium>(space: view.space)
        defer { group.deallocate() }
        var first = 0
        while first < keys.count, let start = keys.baseAddress {
            let count = min(MultiGet<DirectMedium>.groupSize, keys.count - first)
            let base = first
            try unsafe group.look(start + first, count: count, tree: view.tree) {
                try unsafe body(base + $0, $1)
            }
            first += count
        }
    }

    /// Copies of the values of many keys, in the order of the keys.
    public borrowing func multiGet(
        _ keys: [[UInt8]], in table: Table = .main
    ) throws -> [[UInt8]?] {
        var values = [[UInt8]?](repeating: nil, count: keys.count)
        let bytes = keys.flatMap { $0 }
        try unsafe bytes.withUnsafeBytes { buffer in
            var parts: [UnsafeRawBufferPointer] = unsafe []
            var place = 0
            for key in keys {
                unsafe parts.append(UnsafeRawBufferPointer(rebasing: buffer[place..<(place + key.count)]))
                place += key.count
            }
            try unsafe parts.withUnsafeBufferPointer { parts in
                try unsafe multiGet(parts, in: table) { index, value in
                    values[index] = unsafe value.map { unsafe [UInt8]($0) }
                }
            }
        }
        return values
    }

    /// The table of a name.
    ///
    /// - Throws: ``StoreError/TransactionFailure/noSuchTable(name:)``.
    public borrowing func table(named name: String) throws(StoreError) -> Table {
        guard let table = try tableIfPresent(named: name) else {
            throw .transaction(.noSuchTable(name: name))
        }
        return table
    }

    /// As ``table(named:)``; nil when there is no such table.
    public borrowing func tableIfPresent(named name: String) throws(StoreError) -> Table? {
        guard let value = try get(name, in: Table(number: 0)), value.count == 4 else { return nil }
        return unsafe Table(
            number: value.withUnsafeBytes { unsafe UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self)) })
    }

    /// Names of all tables but the main one, in order.
    public borrowing func tableNames() throws -> [String] {
        var names: [String] = []
        try forEach(in: Table(number: 0)) { key, _ in
            unsafe names.append(key.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) })
            return true
        }
        return names
    }
}

/// A key and its value, copied.
public struct Pair: Equatable, Sendable {
    /// The key.
    public let key: [UInt8]
    /// The value.
    public let value: [UInt8]

    /// Pairs a key with a value.
    public init(key: [UInt8], value: [UInt8]) {
        self.key = key
        self.value = value
    }
}

extension TableView {
    func edge(last: Bool) throws(StoreError) -> Pair? {
        var cursor = TreeCursor(space: space, root: tree.reference)
        if last { try cursor.seekLast() } else { try cursor.seekFirst() }
        guard cursor.isValid else { return nil }
        let pair = try unsafe pair(cursor.reference)
        return unsafe Pair(key: [UInt8](pair.key), value: [UInt8](pair.value))
    }

    func scanForward(
        _ lower: [UInt8]?, _ upper: [UInt8]?, _ body: (RawSpan, RawSpan) throws -> Bool
    ) throws {
        var cursor = TreeCursor(space: space, root: tree.reference)
        if let lower {
            try unsafe lower.withStoreBytes { (bytes: KeyBytes) throws(StoreError) in
                try unsafe cursor.seek(atOrAfter: bytes)
            }
        } else {
            try cursor.seekFirst()
        }
        while cursor.isValid {
            let pair = try unsafe pair(cursor.reference)
            if let upper, unsafe upper.withUnsafeBytes({ unsafe compareKeys(pair.key, $0) }) >= 0 { return }
            if try unsafe !body(RawSpan(_unsafeBytes: pair.key), RawSpan(_unsafeBytes: pair.value)) { return }
            try cursor.next()
        }
    }

    func scanBackward(
        _ lower: [UInt8]?, _ upper: [UInt8]?, _ body: (RawSpan, RawSpan) throws -> Bool
    ) throws {
        var cursor = TreeCursor(space: space, root: tree.reference)
        if let upper {
            try unsafe upper.withStoreBytes { (bytes: KeyBytes) throws(StoreError) in
                try unsafe cursor.seek(before: bytes)
            }
        } else {
            try cursor.seekLast()
        }
        while cursor.isValid {
            let pair = try unsafe pair(cursor.reference)
            if let lower, unsafe lower.withUnsafeBytes({ unsafe compareKeys(pair.key, $0) }) < 0 { return }
            if try unsafe !body(RawSpan(_unsafeBytes: pair.key), RawSpan(_unsafeBytes: pair.value)) { return }
            try cursor.previous()
        }
    }
}
