internal import CPmem

/// A place in a table, to move in both directions. Starts before the first pair and cannot outlive its transaction.
public struct Cursor: ~Copyable, ~Escapable {
    private var cursor: TreeCursor<DirectMedium>
    private var isFresh = true

    @_lifetime(immortal)
    init(view: TableView<DirectMedium>) {
        cursor = TreeCursor(space: view.space, root: view.tree.reference)
    }

    /// Stands on the first pair whose key is at least `key`. False when there is none.
    @discardableResult
    @_lifetime(self: copy self)
    public mutating func seek(to key: some StoreBytes) throws(StoreError) -> Bool {
        isFresh = false
        try unsafe key.withStoreBytes { (bytes: UnsafeRawBufferPointer) throws(StoreError) in
            try unsafe cursor.seek(atOrAfter: bytes)
        }
        return cursor.isValid
    }

    /// Stands on the last pair whose key is less than `key`. False when there is none.
    @discardableResult
    @_lifetime(self: copy self)
    public mutating func seek(before key: some StoreBytes) throws(StoreError) -> Bool {
        isFresh = false
        try unsafe key.withStoreBytes { (bytes: UnsafeRawBufferPointer) throws(StoreError) in
            try unsafe cursor.seek(before: bytes)
        }
        return cursor.isValid
    }

    /// Stands on the first pair. False when there is none.
    @discardableResult
    @_lifetime(self: copy self)
    public mutating func first() throws(StoreError) -> Bool {
        isFresh = false
        try cursor.seekFirst()
        return cursor.isValid
    }

    /// Stands on the last pair. False when there is none.
    @discardableResult
    @_lifetime(self: copy self)
    public mutating func last() throws(StoreError) -> Bool {
        isFresh = false
        try cursor.seekLast()
        return cursor.isValid
    }

    /// Moves to the next pair, at first to the first one. False behind the last.
    @_lifetime(self: copy self)
    public mutating func next() throws(StoreError) -> Bool {
        if isFresh { return try first() }
        if cursor.isValid { try cursor.next() }
        return cursor.isValid
    }

    /// Moves to the previous pair, at first to the last one. False before the first.
    @_lifetime(self: copy self)
    public mutating func previous() throws(StoreError) -> Bool {
        if isFresh { return try last() }
        if cursor.isValid { try cursor.previous() }
        return cursor.isValid
    }

    /// True when the cursor stands on a pair.
    public var isValid: Bool { cursor.isValid }

    /// The key of the pair that the cursor stands on, in place. Traps when there is none: see ``isValid``.
    public var key: RawSpan {
        @_lifetime(borrow self)
        borrowing get {
            precondition(cursor.isValid, "the cursor stands on no pair")
            let key = unsafe cursor.space.record(cursor.reference).key
            return unsafe _overrideLifetime(RawSpan(_unsafeBytes: key), borrowing: self)
        }
    }

    /// The value of the pair that the cursor stands on, in place. Traps when there is none: see ``isValid``.
    ///
    /// - Throws: ``StoreError/corrupted(_:)`` when the record is not the one that the tree names.
    public var value: RawSpan {
        @_lifetime(borrow self)
        borrowing get throws(StoreError) {
            precondition(cursor.isValid, "the cursor stands on no pair")
            let value = try unsafe cursor.space.value(cursor.reference)
            return unsafe _overrideLifetime(RawSpan(_unsafeBytes: value), borrowing: self)
        }
    }
}
