internal import CPmem

/// A stable view of the store: the newest commit when it began. Never waits, never makes anybody wait.
///
/// Lives within the closure of ``Store/read(_:)``; the compiler keeps it, and every `RawSpan` from it, from leaving.
public struct ReadTransaction: ~Copyable, ~Escapable, ReadableTransaction {
    let space: NodeSpace<DirectMedium>
    let catalog: NodeReference
    /// The commit that is seen.
    public let commit: UInt64
    /// The reader table's slot that ends with it; -1: somebody else's.
    private let slot: Int32
    /// Faults in the mapping when it began. Not 0: `space` is its own, and relies on nothing.
    let faults: UInt32

    @_lifetime(immortal)
    init(space: NodeSpace<DirectMedium>, pin: ReaderTable.Pin, isPinOwner: Bool, faults: UInt32 = 0) {
        self.space = space.seeing(pin.commit)
        catalog = NodeReference(raw: pin.root)
        commit = pin.commit
        slot = isPinOwner ? pin.slot : -1
        self.faults = faults
    }

    var isWary: Bool { faults != 0 }

    /// Gives the slot back, if it is its own.
    @inline(__always)
    func unpin(_ readers: ReaderTable) {
        if slot >= 0 { readers.unpin(slot: slot) }
    }

    /// For this module's own use.
    public borrowing func _root(of table: Table) throws(StoreError) -> _TableRoot {
        _TableRoot(
            view: TableView(space: space, tree: try Catalog.table(table.number, in: catalog, space: space)))
    }

    /// For this module's own use. The way of every get: nothing is copied on it.
    public borrowing func _find(
        _ key: UnsafeRawBufferPointer, in table: Table
    ) throws(StoreError) -> UnsafeRawBufferPointer? {
        let tree = try Catalog.table(table.number, in: catalog, space: space)
        return try unsafe TableView(space: space, tree: tree).find(key)
    }

    /// The value of a key, in place, for as long as the transaction; nil when the key is not there.
    @_lifetime(borrow self)
    public borrowing func value(
        forKey key: some StoreBytes, in table: Table = .main
    ) throws(StoreError) -> RawSpan? {
        let value = try unsafe key.withStoreBytes { (key: UnsafeRawBufferPointer) throws(StoreError) in
            try unsafe _find(key, in: table)
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
