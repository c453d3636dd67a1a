internal import CPmem
internal import Glibc

/// The state of the write side: what exactly one transaction at a time works on. Belongs to the write gate's holder.
///
/// This file has the operations of a transaction; Commit.swift makes them durable.
@safe package struct Writer<M: Medium>: ~Copyable {
    package let medium: M
    package let space: NodeSpace<M>
    package var trees: TreeWriter<M>
    package let readers: ReaderTable
    package var reclaimer: NodeReclaimer
    /// Frees space, or makes some, while the writer waits. Set by the engine.
    package var maintenance: (any WriterMaintenance)?

    /// What the checkpointer changes too, while this writer waits for it in the middle of a call.
    let shared: UnsafeMutablePointer<WriterShared<M>>

    package var catalog: TreeState
    package var set = WriteSet()
    var table: UInt32 = .max
    var tree = TreeState.empty
    var isTreeChanged = false
    /// Set while a delete writes: deletes work in a full store.
    var mayUseReserve = false
    /// Why the open transaction cannot be committed: a change of a tree ended half way, and the log does not know it.
    var failure: StoreError?
    let scratch: UnsafeMutableRawPointer

    package init(
        medium: M, space: NodeSpace<M>, heap: consuming RecordHeap<M>, readers: ReaderTable,
        log: consuming CommitLog<M>,
        pace: Pace, commit: UInt64, epoch: UInt32, catalog: TreeState, nextTable: UInt32
    ) {
        self.medium = medium
        self.space = space
        self.readers = readers
        self.catalog = catalog
        unsafe shared = .allocate(capacity: 1)
        unsafe shared.initialize(
            to: WriterShared(
                heap: heap, log: log, pace: pace, commit: commit, epoch: epoch, nextTable: nextTable))
        trees = TreeWriter(space: space, pool: NodePool())
        reclaimer = NodeReclaimer(readers: readers)
        unsafe scratch = .allocate(byteCount: (Record.byteLimit + 127) & ~63, alignment: 64)
    }

    deinit {
        unsafe scratch.deallocate()
        _ = unsafe shared.move()
        unsafe shared.deallocate()
    }

    // MARK: Tables

    /// Begins a transaction.
    @inline(__always)
    package mutating func begin() {
        trees.protect()
        table = .max
        isTreeChanged = false
        catalog.root = readers.newestRoot
    }

    /// Makes a table the one that operations work on.
    @inline(__always)
    mutating func select(_ wanted: UInt32) throws(StoreError) {
        if table == wanted { return }
        trees.path.isSought = false
        try storeTable()
        tree = try Catalog.table(wanted, in: catalog.reference, space: space)
        table = wanted
    }

    /// Enters the root of the table in work into the catalog.
    @inline(__always)
    mutating func storeTable() throws(StoreError) {
        if !isTreeChanged { return }
        do throws(StoreError) {
            try Catalog.store(tree, table: table, in: &catalog, trees: &trees)
        } catch {
            throw broken(error)
        }
        isTreeChanged = false
    }

    /// The root that a read in this transaction starts from; the transaction's own changes are in it.
    package mutating func root(of wanted: UInt32) throws(StoreError) -> TreeState {
        try applyDeferred()
        try select(wanted)
        return tree
    }

    /// The value of a key as this transaction has it, in place; nil when it is not there. A put of the same key that
    /// follows does not look for it again.
    package mutating func find(
        _ key: KeyBytes, table wanted: UInt32
    ) throws(StoreError) -> UnsafeRawBufferPointer? {
        try applyDeferred()
        try select(wanted)
        let reference = try unsafe trees.find(key, in: tree)
        return try unsafe space.value(reference, of: key, root: tree.reference)
    }

    // MARK: Operations

    /// Puts a value; the record is started on its way to the medium now, the tree learns of it later.
    @inline(__always)
    package mutating func put(_ value: UnsafeRawBufferPointer, key: KeyBytes, table: UInt32)
        throws(StoreError)
    {
        try unsafe approach(key, table: table)
        let record = try unsafe writeRecord(key: key, value: value)
        unsafe postpone(record, key: key, table: table)
    }

    /// Finds the leaf where a put will go, so that its misses are under way while the record is written.
    @inline(__always)
    mutating func approach(_ key: KeyBytes, table: UInt32) throws(StoreError) {
        try applyDeferred()
        try select(table)
        try unsafe trees.approach(key, in: tree)
    }

    /// Puts a value that `body` builds in place, `byteCount` bytes at most; it returns how many it has built.
    package mutating func put(
        byteCount: Int, key: KeyBytes, table: UInt32,
        _ body: (UnsafeMutableRawBufferPointer) throws -> Int
    ) throws {
        try unsafe approach(key, table: table)
        let record = try unsafe constructRecord(key: key, byteCount: byteCount, body)
        unsafe postpone(record, key: key, table: table)
    }

    /// The deferred put becomes the last operation of the transaction.
    @inline(__always)
    mutating func postpone(_ record: WrittenRecord, key: KeyBytes, table: UInt32) {
        unsafe set.setDeferredKey(key)
        set.append(
            cpm_log_operation(
                record: record.offset | UInt64(CPM_OPERATION_PUT)
                    | (record.isExternal ? Self.externalBit : 0),
                replaced: 0, table: table, checksum: record.checksum))
    }

    /// Set in an operation's `record` when the value has an extent of its own.
    @inline(__always)
    package static var externalBit: UInt64 { 32 }

    /// Removes a key; false when it was not there.
    package mutating func delete(_ key: KeyBytes, table wanted: UInt32) throws(StoreError) -> Bool {
        try applyDeferred()
        try select(wanted)
        guard try unsafe space.locate(key, root: tree.reference, path: &trees.path) else { return false }
        let reference: UInt64
        do throws(StoreError) {
            reference = try trees.remove(tree: &tree)
        } catch {
            throw broken(error)
        }
        isTreeChanged = true
        died(reference)
        set.append(
            cpm_log_operation(
                record: RecordReference(raw: reference).offset | UInt64(CPM_OPERATION_DELETE), replaced: 0,
                table: wanted, checksum: RecordReference(raw: reference).check))
        return true
    }

    /// Removes all keys from `low` up to, not including, `high` (nil: to the end). Returns how many there were.
    package mutating func deleteRange(low: KeyBytes, high: KeyBytes?, table wanted: UInt32) throws(StoreError)
        -> Int
    {
        try applyDeferred()
        mayUseReserve = true
        defer { mayUseReserve = false }
        let bounds = unsafe try writeRecord(key: low, value: high ?? KeyBytes(start: nil, count: 0))
        let removed: Int
        do throws(StoreError) {
            removed = unsafe try removeRange(low: low, high: high, table: wanted)
        } catch {
            throw broken(error)
        }
        set.deaths.append(bounds.offset | Delta.death | (bounds.isExternal ? Delta.external : 0))
        unsafe set.append(
            cpm_log_operation(
                record: bounds.offset | UInt64(CPM_OPERATION_DELETE_RANGE), replaced: high == nil ? 1 : 0,
                table: wanted, checksum: bounds.checksum))
        return removed
    }

    /// The tree's part of ``deleteRange(low:high:table:)``, also for replay.
    package mutating func removeRange(low: KeyBytes, high: KeyBytes?, table wanted: UInt32) throws(StoreError)
        -> Int
    {
        try select(wanted)
        try unsafe space.verifyTies(of: low, root: tree.reference)
        var removed = 0
        while true {
            _ = try unsafe space.locate(low, root: tree.reference, path: &trees.path)
            if trees.path.depth == 0 { return removed }
            if trees.path.leafIndex == trees.path.leaf.count {
                guard try unsafe stepToNextLeaf(low) else { return removed }
            }
            let (leaf, index) = (trees.path.leaf, trees.path.leafIndex)
            if let high = unsafe high, try unsafe !space.precedes(index, of: leaf, high) { return removed }
            died(try trees.remove(tree: &tree))
            isTreeChanged = true
            removed += 1
        }
    }

    /// Moves the writer's path from behind the last entry of a leaf to the first of the next. False: there is none.
    private mutating func stepToNextLeaf(_ key: KeyBytes) throws(StoreError) -> Bool {
        var cursor = TreeCursor(space: space, root: tree.reference)
        try unsafe cursor.seek(atOrAfter: key)
        if !cursor.isValid { return false }
        try space.verifyRecord(cursor.reference)
        let next = unsafe space.record(cursor.reference).key
        return try unsafe space.locate(next, root: tree.reference, path: &trees.path)
    }

    /// Trees and log have parted company: only a rollback to before, or the transaction's end, helps.
    @inline(never)
    private mutating func broken(_ error: StoreError) -> StoreError {
        failure = error
        return error
    }

    /// A record that no tree names any more.
    @inline(__always)
    mutating func died(_ reference: UInt64) {
        set.deaths.append(
            RecordReference(raw: reference).offset | Delta.death
                | (reference & LeafEntry.external != 0 ? Delta.external : 0))
    }

    // MARK: The deferred put

    /// Enters the deferred put into its tree. For whoever needs the tree complete.
    @inline(__always)
    package mutating func applyDeferred() throws(StoreError) {
        if !set.hasDeferred { return }
        let isFound = locateDeferred()
        try applyLocated(isFound)
    }

    /// Finds where in the approached leaf the deferred put goes and names in its operation what it replaces.
    @inline(__always)
    mutating func locateDeferred() -> Bool {
        let last = set.count - 1
        let isFound = unsafe space.settle(set.deferredKey, path: &trees.path)
        if isFound {
            let before = unsafe trees.path.leaf.records[trees.path.leafIndex]
            unsafe set.operations[last].replaced = RecordReference(raw: before).offset
        }
        return isFound
    }

    /// Changes the tree where ``locateDeferred()`` has found the place.
    @inline(__always)
    mutating func applyLocated(_ isFound: Bool) throws(StoreError) {
        let operation = unsafe set.operations[set.count - 1]
        try unsafe enter(
            LeafEntry.reference(operation), key: set.deferredKey, isFound: isFound)
        set.deferredKeyBytes = -1
    }

    /// Enters a reference at the located place of the table in work.
    @inline(__always)
    mutating func enter(_ reference: UInt64, key: KeyBytes, isFound: Bool) throws(StoreError) {
        let root = tree.root
        if isFound {
            died(try trees.replace(reference, tree: &tree))
        } else {
            try unsafe trees.insert(key, reference, tree: &tree)
        }
        if tree.root != root { isTreeChanged = true }
    }

    /// The table in work is read anew from the catalog when it is needed next.
    mutating func forgetTable() {
        table = .max
        isTreeChanged = false
    }

    /// Brings tables and catalog up to date. The trees are then ready to be published.
    @inline(__always)
    mutating func finishTrees() throws(StoreError) { try storeTable() }
}
