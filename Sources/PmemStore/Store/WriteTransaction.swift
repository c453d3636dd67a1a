internal import CPmem

/// Changes that become durable and visible together, or not at all. Sees its own changes.
///
/// Lives within the closure of ``Store/write(_:)``, which commits it when the closure returns and drops it when the
/// closure throws. One exists at a time; it cannot be copied, kept or carried across `await`.
@safe public struct WriteTransaction: ~Copyable, ~Escapable, ReadableTransaction {
    private let engine: Unmanaged<Engine<DirectMedium>>

    @_lifetime(immortal)
    init(engine: Engine<DirectMedium>) { unsafe self.engine = unsafe .passUnretained(engine) }

    @inline(__always)
    private var writer: Writer<DirectMedium> {
        @inline(__always) unsafeAddress {
            unsafe engine._withUnsafeGuaranteedRef { unsafe UnsafePointer($0.writerAddress) }
        }
        @inline(__always) nonmutating unsafeMutableAddress {
            unsafe engine._withUnsafeGuaranteedRef { unsafe $0.writerAddress }
        }
    }

    /// For this module's own use.
    public borrowing func _root(of table: Table) throws(StoreError) -> _TableRoot {
        _TableRoot(view: TableView(space: writer.space, tree: try writer.root(of: table.number)))
    }

    /// For this module's own use. The way to the key is kept for a put that follows.
    public borrowing func _find(
        _ key: UnsafeRawBufferPointer, in table: Table
    ) throws(StoreError) -> UnsafeRawBufferPointer? {
        try unsafe writer.find(key, table: table.number)
    }

    // MARK: Puts

    /// Puts a value under a key, in place of the one there.
    ///
    /// The value goes to the medium at once, by non-temporal stores; the commit's fence makes it durable. Key up to
    /// 65 535 bytes, value up to 1 TiB; values above 32 KiB get an extent of their own and are not copied through a
    /// buffer.
    ///
    /// - Throws: ``StoreError/TransactionFailure/keyTooLong(bytes:limit:)``,
    ///   ``StoreError/TransactionFailure/valueTooLong(bytes:limit:)``,
    ///   ``StoreError/CommitFailure/full(quotaBytes:neededBytes:)``, other failures of growth and of a checkpoint that
    ///   makes space, and ``StoreError/corrupted(_:)``.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func put(
        _ value: some StoreBytes, forKey key: some StoreBytes, in table: Table = .main
    ) throws(StoreError) {
        try unsafe value.withStoreBytes { (value: UnsafeRawBufferPointer) throws(StoreError) in
            try unsafe key.withStoreBytes { (key: UnsafeRawBufferPointer) throws(StoreError) in
                try unsafe putBytes(value, key, table)
            }
        }
    }

    /// As ``put(_:forKey:in:)``, for bytes that are lent.
    @_lifetime(self: copy self)
    public mutating func put(
        _ value: RawSpan, forKey key: RawSpan, in table: Table = .main
    ) throws(StoreError) {
        let result: Result<Void, StoreError> = unsafe value.withUnsafeBytes { value in
            unsafe key.withUnsafeBytes { key in
                do throws(StoreError) {
                    return unsafe .success(try putBytes(value, key, table))
                } catch {
                    return .failure(error)
                }
            }
        }
        try result.get()
    }

    @usableFromInline
    func putBytes(
        _ value: UnsafeRawBufferPointer, _ key: UnsafeRawBufferPointer, _ table: Table
    ) throws(StoreError) {
        if key.count > Record.keyLimit { throw Self.keyTooLong(key.count) }
        if value.count > Record.valueLimit {
            throw .transaction(.valueTooLong(bytes: value.count, limit: Record.valueLimit))
        }
        try unsafe writer.put(value, key: key, table: table.number)
    }

    private static func keyTooLong(_ count: Int) -> StoreError {
        .transaction(.keyTooLong(bytes: count, limit: Record.keyLimit))
    }

    /// Puts a value that `body` builds in the mapping itself: no buffer, no copy. `byteCount` is the room it gets;
    /// a value may turn out shorter.
    ///
    /// The room is always an extent of its own, whatever its size. A value that turns out so short that it fits a
    /// smaller slot moves: it is copied once, as ``put(_:forKey:in:)`` would put it.
    ///
    /// - Throws: what `body` throws, and then the key keeps the value it had; else what ``put(_:forKey:in:)`` throws,
    ///   ``StoreError/TransactionFailure/valueTooLong(bytes:limit:)`` for a negative `byteCount` too.
    @_lifetime(self: copy self)
    public mutating func put(
        byteCount: Int, forKey key: some StoreBytes, in table: Table = .main,
        initializingWith body: (inout OutputRawSpan) throws -> Void
    ) throws {
        if byteCount < 0 || byteCount > Record.valueLimit {
            throw StoreError.transaction(.valueTooLong(bytes: byteCount, limit: Record.valueLimit))
        }
        unsafe try key.withStoreBytes { (key: UnsafeRawBufferPointer) throws(any Error) in
            unsafe try constructBytes(byteCount, key, table, body)
        }
    }

    private func constructBytes(
        _ byteCount: Int, _ key: UnsafeRawBufferPointer, _ table: Table,
        _ body: (inout OutputRawSpan) throws -> Void
    ) throws {
        if key.count > Record.keyLimit { throw Self.keyTooLong(key.count) }
        unsafe try writer.put(byteCount: byteCount, key: key, table: table.number) { room in
            var span = unsafe OutputRawSpan(buffer: room, initializedCount: 0)
            do {
                try body(&span)
            } catch {
                _ = unsafe span.finalize(for: room)
                throw error
            }
            return unsafe span.finalize(for: room)
        }
    }

    /// Puts a value only where there is none. False: the key was there, nothing changed.
    @_lifetime(self: copy self)
    public mutating func putIfAbsent(
        _ value: some StoreBytes, forKey key: some StoreBytes, in table: Table = .main
    ) throws(StoreError) -> Bool {
        if try contains(key, in: table) { return false }
        try put(value, forKey: key, in: table)
        return true
    }

    /// Puts `value` where the key's value is `expected` (nil: not there). False: it is not, nothing changed.
    @_lifetime(self: copy self)
    public mutating func compareAndSwap(
        expected: [UInt8]?, new value: some StoreBytes, forKey key: some StoreBytes, in table: Table = .main
    ) throws(StoreError) -> Bool {
        let isEqual = try unsafe key.withStoreBytes { (key: UnsafeRawBufferPointer) throws(StoreError) in
            guard let found = try unsafe _find(key, in: table) else { return expected == nil }
            return expected.map { unsafe found.elementsEqual($0) } ?? false
        }
        if !isEqual { return false }
        try put(value, forKey: key, in: table)
        return true
    }

    // MARK: Deletes

    /// Removes a key. False when it was not there. Works in a full store.
    @inlinable
    @discardableResult
    @_lifetime(self: copy self)
    public mutating func delete(_ key: some StoreBytes, in table: Table = .main) throws(StoreError) -> Bool {
        try unsafe key.withStoreBytes { (key: UnsafeRawBufferPointer) throws(StoreError) in
            try unsafe deleteBytes(key, table)
        }
    }

    @usableFromInline
    func deleteBytes(_ key: UnsafeRawBufferPointer, _ table: Table) throws(StoreError) -> Bool {
        try unsafe writer.delete(key, table: table.number)
    }

    /// Removes a key and returns a copy of its value; nil when it was not there.
    @_lifetime(self: copy self)
    public mutating func getAndDelete(
        _ key: some StoreBytes, in table: Table = .main
    ) throws(StoreError) -> [UInt8]? {
        guard let value = try get(key, in: table) else { return nil }
        try delete(key, in: table)
        return value
    }

    /// Removes the keys from `lower` (nil: the first) up to, not including, `upper` (nil: to the end), as one
    /// operation of the log. Returns how many there were. O(keys removed).
    @discardableResult
    @_lifetime(self: copy self)
    public mutating func deleteRange(
        from lower: [UInt8]? = nil, to upper: [UInt8]? = nil, in table: Table = .main
    ) throws(StoreError) -> Int {
        let low = lower ?? []
        let longest = max(low.count, upper?.count ?? 0)
        if longest > Record.keyLimit { throw Self.keyTooLong(longest) }
        return unsafe try low.withStoreBytes { (low: UnsafeRawBufferPointer) throws(StoreError) in
            guard let upper else { return unsafe try deleteRangeBytes(low, nil, table) }
            return unsafe try upper.withStoreBytes { (high: UnsafeRawBufferPointer) throws(StoreError) in
                unsafe try deleteRangeBytes(low, high, table)
            }
        }
    }

    private func deleteRangeBytes(
        _ low: UnsafeRawBufferPointer, _ high: UnsafeRawBufferPointer?, _ table: Table
    ) throws(StoreError) -> Int {
        unsafe try writer.deleteRange(low: low, high: high, table: table.number)
    }

    // MARK: Loading

    /// Puts pairs whose keys ascend and follow the table's last key: leaves are filled to the brim.
    ///
    /// - Throws: ``StoreError/TransactionFailure/notSorted(index:)`` for the first pair out of order.
    @_lifetime(self: copy self)
    public mutating func load(
        sorted pairs: some Sequence<(key: [UInt8], value: [UInt8])>, in table: Table = .main
    ) throws(StoreError) {
        var previous = try last(in: table)?.key
        var index = 0
        for pair in pairs {
            if let previous, !previous.lexicographicallyPrecedes(pair.key) {
                throw .transaction(.notSorted(index: index))
            }
            try put(pair.value, forKey: pair.key, in: table)
            previous = pair.key
            index += 1
        }
    }

    // MARK: Tables

    /// Creates a table.
    ///
    /// - Throws: ``StoreError/TransactionFailure/tableExists(name:)``.
    @_lifetime(self: copy self)
    public mutating func createTable(_ name: String) throws(StoreError) -> Table {
        if try tableIfPresent(named: name) != nil { throw .transaction(.tableExists(name: name)) }
        let number = takeTableNumber()
        let bytes = unsafe withUnsafeBytes(of: number.littleEndian) { unsafe [UInt8]($0) }
        try put(bytes, forKey: name, in: Table(number: Catalog.namesTable))
        return Table(number: number)
    }

    /// The table of a name, created where there is none.
    @_lifetime(self: copy self)
    public mutating func table(_ name: String) throws(StoreError) -> Table {
        if let table = try tableIfPresent(named: name) { return table }
        return try createTable(name)
    }

    /// Removes a table with all its pairs. O(pairs). Its number is not used again.
    ///
    /// - Throws: ``StoreError/TransactionFailure/noSuchTable(name:)``; ``StoreError/commit(_:)`` and
    ///   ``StoreError/corrupted(_:)`` as a delete.
    @_lifetime(self: copy self)
    public mutating func dropTable(_ name: String) throws(StoreError) {
        let table = try table(named: name)
        try deleteRange(in: table)
        try delete(name, in: Table(number: Catalog.namesTable))
    }

    // MARK: Savepoints

    /// Runs `body`; when it throws, everything since is undone and the error is passed on, while the transaction
    /// itself goes on. Savepoints nest.
    @_lifetime(self: copy self)
    public mutating func savepoint<R>(_ body: (inout WriteTransaction) throws -> R) throws -> R {
        let mark = try mark()
        do {
            return try body(&self)
        } catch {
            try rollBack(to: mark)
            throw error
        }
    }

    // MARK: Steps that borrow

    // ThreadSanitizer's form of an access to the writer does not go with a lifetime that depends on a mutable self.

    private func takeTableNumber() -> UInt32 { writer.takeTableNumber() }
    private func mark() throws(StoreError) -> Savepoint { try writer.mark() }
    private func rollBack(to mark: Savepoint) throws(StoreError) { try writer.rollBack(to: mark) }
}
