internal import CPmem

/// A stable view of the store: the newest commit when it began. Never waits, never makes anybody wait.
///
/// Lives within the closure of ``Store/read(_:)``; the compiler keeps it, and every `RawSpan` from it, from leaving.
public struct ReadTransaction: ~Copyable, ~Escapable, ReadableTransaction {
    let space: NodeSpace<DirectMedium>
    let catalog: NodeReference
    /// The commit that is seen.
    public let commit: UInt64

    @_lifetime(immortal)
    init(space: NodeSpace<DirectMedium>, pin: ReaderTable.Pin) {
        self.space = space.seeing(pin.commit)
        catalog = NodeReference(raw: pin.root)
        commit = pin.commit
    }

    /// For this module's own use.
    public borrowing func _root(of table: Table) throws(StoreError) -> _TableRoot {
        _TableRoot(
            view: TableView(space: space, tree: try Catalog.table(table.number, in: catalog, space: space)))
    }

    /// The value of a key, in place, for as long as the transaction; nil when the key is not there.
    @_lifetime(borrow self)
    public borrowing func value(
        forKey key: some StoreBytes, in table: Table = .main
    ) throws(StoreError) -> RawSpan? {
        let root = try _root(of: table)
        let value = try unsafe key.withStoreBytes { (key: UnsafeRawBufferPointer) throws(StoreError) in
            try unsafe root.find(key)
        }
        guard let value = unsafe value else { return nil }
        return unsafe _overrideLifetime(RawSpan(_unsafeBytes: value), borrowing: self)
    }

    /// A cursor over a table; it cannot outlive the transaction.
    @_lifetime(borrow self)
    public borrowing func cursor(in table: Table = .main) throws(StoreError) -> Cursor {
        let root = try _root(of: table)
        return _overrideLifetime(Cursor(view: root.view), borrowing: self)
    }
}

/// Binds a value to what it was borrowed from. The standard library has this, underscored, for itself only.
@_lifetime(borrow source)
@_unsafeNonescapableResult
func _overrideLifetime<T: ~Copyable & ~Escapable, U: ~Copyable & ~Escapable>(
    _ value: consuming T, borrowing source: borrowing U
) -> T { value }
