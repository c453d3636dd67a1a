package import CPmem
internal import Glibc

/// The state of the write side: what exactly one transaction at a time works on. Belongs to the write gate's holder.
///
/// This file has the operations of a transaction; Commit.swift makes them durable.
@safe package struct Writer<M: Medium>: ~Copyable {
    package let medium: M
    package let space: NodeSpace<M>
    package var heap: RecordHeap<M>
    package var trees: TreeWriter<M>
    package let readers: ReaderTable
    package var reclaimer: NodeReclaimer
    package var log: CommitLog<M>
    package var pace: Pace
    /// Frees space, or makes some, while the writer waits. Set by the engine.
    package var maintenance: (any WriterMaintenance)?

    /// Newest published commit.
    package var commit: UInt64
    /// Generation of the checkpoint that the next commit will be part of.
    package var epoch: UInt32
    package var catalog: TreeState
    package var nextTable: UInt32
    /// Births and deaths since the last checkpoint began.
    package var deltas = WordList(capacity: 1 << 16)
    /// True while the checkpointer writes nodes: retiring one then needs an atomic mark.
    package var isCheckpointing = false

    /// Why commits are refused, once they are.
    package var poisonReason: String?

    package var set = WriteSet()
    private var table: UInt32 = .max
    private var tree = TreeState.empty
    private var isTreeChanged = false
    /// Set while a delete writes: deletes work in a full store.
    private var mayUseReserve = false
    private let scratch: UnsafeMutableRawPointer

    package init(
        medium: M, space: NodeSpace<M>, heap: consuming RecordHeap<M>, readers: ReaderTable,
        log: consuming CommitLog<M>,
        pace: Pace, commit: UInt64, epoch: UInt32, catalog: TreeState, nextTable: UInt32
    ) {
        self.medium = medium
        self.space = space
        self.heap = heap
        self.readers = readers
        self.log = log
        self.pace = pace
        self.commit = commit
        self.epoch = epoch
        self.catalog = catalog
        self.nextTable = nextTable
        trees = TreeWriter(space: space, pool: NodePool())
        reclaimer = NodeReclaimer(readers: readers)
        unsafe scratch = .allocate(byteCount: (Record.byteLimit + 127) & ~63, alignment: 64)
    }

    deinit {
        unsafe scratch.deallocate()
        deltas.deallocate()
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
    private mutating func select(_ wanted: UInt32) throws(StoreError) {
        if table == wanted { return }
        try storeTable()
        tree = try Catalog.table(wanted, in: catalog.reference, space: space)
        table = wanted
    }

    /// Enters the root of the table in work into the catalog.
    @inline(__always)
    private mutating func storeTable() throws(StoreError) {
        if !isTreeChanged { return }
        try Catalog.store(tree, table: table, in: &catalog, trees: &trees)
        isTreeChanged = false
    }

    /// The root that a read in this transaction starts from; the transaction's own changes are in it.
    package mutating func root(of wanted: UInt32) throws(StoreError) -> TreeState {
        try applyDeferred()
        try select(wanted)
        return tree
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
    private mutating func approach(_ key: KeyBytes, table: UInt32) throws(StoreError) {
        try applyDeferred()
        try select(table)
        try unsafe space.approach(key, root: tree.reference, path: &trees.path)
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
    private mutating func postpone(_ record: WrittenRecord, key: KeyBytes, table: UInt32) {
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
        let reference = try trees.remove(tree: &tree)
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
        let removed = unsafe try removeRange(low: low, high: high, table: wanted)
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
        var removed = 0
        while true {
            _ = try unsafe space.locate(low, root: tree.reference, path: &trees.path)
            if trees.path.depth == 0 { return removed }
            if trees.path.leafIndex == trees.path.leaf.count {
                guard try unsafe stepToNextLeaf(low) else { return removed }
            }
            let reference = unsafe trees.path.leaf.records[trees.path.leafIndex]
            if let high = unsafe high, unsafe compareKeys(space.record(reference).key, high) >= 0 {
                return removed
            }
            died(try trees.remove(tree: &tree))
            isTreeChanged = true
            removed += 1
        }
    }

    /// Moves the writer's path from behind the last entry of a leaf to the first of the next. False: there is none.
    private mutating func stepToNextLeaf(_ key: KeyBytes) throws(StoreError) -> Bool {
        var cursor = TreeCursor(space: space, root: tree.reference)
        defer { cursor.deallocate() }
        try unsafe cursor.seek(atOrAfter: key)
        if !cursor.isValid { return false }
        let next = unsafe space.record(cursor.reference).key
        return try unsafe space.locate(next, root: tree.reference, path: &trees.path)
    }

    /// A record that no tree names any more.
    @inline(__always)
    private mutating func died(_ reference: UInt64) {
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
    private mutating func enter(_ reference: UInt64, key: KeyBytes, isFound: Bool) throws(StoreError) {
        if isFound {
            died(trees.replace(reference, tree: &tree))
        } else {
            try unsafe trees.insert(key, reference, tree: &tree)
        }
        isTreeChanged = true
    }

    /// The table in work is read anew from the catalog when it is needed next.
    mutating func forgetTable() {
        table = .max
        isTreeChanged = false
    }

    /// Brings tables and catalog up to date. The trees are then ready to be published.
    @inline(__always)
    mutating func finishTrees() throws(StoreError) { try storeTable() }

    // MARK: Replay

    /// Enters a logged put, as commit step 5 does. The log names what is replaced, so no old record is read.
    package mutating func replayPut(
        _ operation: cpm_log_operation, key: KeyBytes
    ) throws(StoreError) {
        try select(operation.table)
        let isFound = try unsafe space.locate(
            key, root: tree.reference, path: &trees.path, replaced: operation.replaced)
        guard isFound == (operation.replaced != 0) else {
            throw .corrupted(
                .init(
                    .commitLog, offset: LeafEntry.offset(operation),
                    detail: "the log replaces \(operation.replaced), the tree does not have it"))
        }
        try unsafe enter(LeafEntry.reference(operation), key: key, isFound: isFound)
    }

    /// Removes what a logged delete names.
    package mutating func replayDelete(_ operation: cpm_log_operation) throws(StoreError) {
        try select(operation.table)
        let offset = LeafEntry.offset(operation)
        let key = unsafe RecordPointer(medium.read(offset, Record.headerBytes)).key
        guard
            try unsafe space.locate(key, root: tree.reference, path: &trees.path, replaced: offset)
        else {
            throw .corrupted(
                .init(.commitLog, offset: offset, detail: "the log deletes what the tree does not have"))
        }
        died(try trees.remove(tree: &tree))
        isTreeChanged = true
    }

    // MARK: Records

    /// A record on its way to the medium.
    struct WrittenRecord {
        let offset: UInt64
        let checksum: UInt32
        let isExternal: Bool
    }

    /// Takes a slot for a record and starts writing it.
    @inline(__always)
    private mutating func writeRecord(key: KeyBytes, value: UnsafeRawBufferPointer) throws(StoreError)
        -> WrittenRecord
    {
        if value.count > Record.inlineValueLimit { return try unsafe writeExternal(key: key, value: value) }
        return try unsafe writeRecord(key: key, valueField: UInt16(value.count), inline: value)
    }

    /// Assembles header, key and `inline` bytes and starts their copy, whole lines at a time.
    @inline(__always)
    private mutating func writeRecord(
        key: KeyBytes, valueField: UInt16, inline: UnsafeRawBufferPointer
    ) throws(StoreError) -> WrittenRecord {
        let bytes = Record.headerBytes + key.count + inline.count
        let offset = try allocate(bytes)
        let whole = (bytes + 63) & ~63
        unsafe memset(scratch + whole - 64, 0, 64)
        unsafe setHeader(key: key, valueField: valueField)
        if let start = inline.baseAddress {
            unsafe memcpy(scratch + Record.headerBytes + key.count, start, inline.count)
        }
        let checksum = unsafe Checksum.of(
            scratch + 4, bytes - 4, seed: Checksum.seed(.record, offset: offset))
        unsafe scratch.storeBytes(of: checksum, as: UInt32.self)
        unsafe medium.copyIn(offset, scratch, whole)
        return WrittenRecord(
            offset: offset, checksum: checksum, isExternal: valueField == UInt16(CPM_VALUE_EXTERNAL))
    }

    @inline(__always)
    private func setHeader(key: KeyBytes, valueField: UInt16) {
        unsafe scratch.storeBytes(of: epoch, toByteOffset: 4, as: UInt32.self)
        unsafe scratch.storeBytes(of: UInt16(key.count), toByteOffset: 8, as: UInt16.self)
        unsafe scratch.storeBytes(of: valueField, toByteOffset: 10, as: UInt16.self)
        if let start = key.baseAddress { unsafe memcpy(scratch + Record.headerBytes, start, key.count) }
    }

    /// A large value goes straight from the caller's bytes to an extent of its own.
    private mutating func writeExternal(key: KeyBytes, value: UnsafeRawBufferPointer) throws(StoreError)
        -> WrittenRecord
    {
        guard let start = value.baseAddress else { return try unsafe writeRecord(key: key, value: value) }
        let offset = try allocate(value.count)
        let checksum = unsafe Checksum.of(
            start, value.count, seed: Checksum.seed(.largeValue, offset: offset))
        unsafe medium.copyIn(offset, start, value.count)
        return try unsafe writeDescriptor(
            key: key, offset: offset, byteCount: value.count, checksum: checksum)
    }

    private mutating func writeDescriptor(
        key: KeyBytes, offset: UInt64, byteCount: Int, checksum: UInt32
    ) throws(StoreError) -> WrittenRecord {
        var descriptor = cpm_external_value(
            offset: offset, byteCount: UInt64(byteCount), checksum: checksum, reserved: 0)
        let result: Result<WrittenRecord, StoreError> = unsafe withUnsafeBytes(of: &descriptor) { bytes in
            do throws(StoreError) {
                return unsafe .success(
                    try writeRecord(key: key, valueField: UInt16(CPM_VALUE_EXTERNAL), inline: bytes))
            } catch {
                return .failure(error)
            }
        }
        // The transaction may go on without this value: nothing else would ever set its extent free.
        if case .failure = result { takeBack(offset) }
        return try result.get()
    }

    /// Lets `body` build a value in the mapping itself, in an extent of its own.
    private mutating func constructRecord(
        key: KeyBytes, byteCount: Int, _ body: (UnsafeMutableRawBufferPointer) throws -> Int
    ) throws -> WrittenRecord {
        let offset = try allocate(max(byteCount, 1))
        let built: Int
        do {
            built = unsafe try medium.construct(offset, byteCount, site: #line, body)
        } catch {
            takeBack(offset)
            throw error
        }
        precondition(built >= 0 && built <= byteCount, "a value was built beyond its room")
        let value = unsafe UnsafeRawBufferPointer(start: medium.read(offset, built), count: built)
        if Self.isSameSlot(max(byteCount, 1), max(built, 1)) {
            let checksum = unsafe Checksum.of(
                medium.read(offset, built), built, seed: Checksum.seed(.largeValue, offset: offset))
            return try unsafe writeDescriptor(key: key, offset: offset, byteCount: built, checksum: checksum)
        }
        // Replay tells a slot's class by the length of what lies in it: a value that turned out short moves.
        defer { takeBack(offset) }
        return unsafe try writeRecord(key: key, value: value)
    }

    /// The transaction gives up a slot or run of its own, and goes on.
    private mutating func takeBack(_ offset: UInt64) {
        set.births.remove(offset)
        giveBack(offset)
    }

    private static func isSameSlot(_ left: Int, _ right: Int) -> Bool {
        if let leftClass = SizeClass.index(for: left) { return leftClass == SizeClass.index(for: right) }
        return SizeClass.index(for: right) == nil
            && RecordHeap<M>.runLength(left) == RecordHeap<M>.runLength(right)
    }

    /// A slot or a run for `byteCount` bytes, entered as taken by this transaction.
    @inline(__always)
    private mutating func allocate(_ byteCount: Int) throws(StoreError) -> UInt64 {
        if let sizeClass = SizeClass.index(for: byteCount),
            let offset = try heap.allocate(sizeClass: sizeClass)
        {
            set.births.append(offset)
            return offset
        }
        return try allocateSlowly(byteCount)
    }

    @inline(never)
    private mutating func allocateSlowly(_ byteCount: Int) throws(StoreError) -> UInt64 {
        var attempt = 0
        while true {
            let offset: UInt64?
            if let sizeClass = SizeClass.index(for: byteCount) {
                offset = try heap.allocate(sizeClass: sizeClass, mayUseReserve: mayUseReserve)
            } else {
                offset = heap.allocateRun(byteCount, mayUseReserve: mayUseReserve)
            }
            if let offset {
                set.births.append(offset)
                return offset
            }
            guard let maintenance else { throw .commit(.full(quotaBytes: 0, neededBytes: UInt64(byteCount))) }
            try maintenance.makeSpace(byteCount, attempt: attempt)
            attempt += 1
        }
    }
}

/// Where a store's one writer lives. Whoever holds the write gate may use it; that replaces the language's own checks of
/// exclusive access, which a class would pay for at every step of a commit.
@safe package struct WriterPlace<M: Medium>: @unchecked Sendable {
    package let address: UnsafeMutablePointer<Writer<M>>

    package init(_ writer: consuming Writer<M>) {
        unsafe address = .allocate(capacity: 1)
        unsafe address.initialize(to: writer)
    }

    package func deallocate() {
        unsafe address.deinitialize(count: 1)
        unsafe address.deallocate()
    }

    /// The writer itself.
    package var pointee: Writer<M> {
        @inline(__always) unsafeAddress { unsafe UnsafePointer(address) }
        @inline(__always) nonmutating unsafeMutableAddress { unsafe address }
    }
}

/// What a writer that cannot go on asks of the maintenance thread. Each call returns when there is a point in trying
/// again, or throws.
package protocol WriterMaintenance: AnyObject, Sendable {
    /// Space for an allocation of `byteCount` bytes, for which `attempt` calls have not sufficed.
    func makeSpace(_ byteCount: Int, attempt: Int) throws(StoreError)
    /// Room in the commit log.
    func makeLogRoom(_ byteCount: Int) throws(StoreError)
    /// A threshold was crossed; does not wait.
    func wake(forGrowth: Bool)
}

/// The words of a leaf, as operations of the log make them.
package enum LeafEntry {
    /// Bit 0 of a record reference: the value has an extent of its own.
    package static let external: UInt64 = 1

    @inline(__always)
    package static func offset(_ operation: cpm_log_operation) -> UInt64 {
        operation.record & PlaceBits.offset
    }

    @inline(__always)
    package static func reference(_ operation: cpm_log_operation) -> UInt64 {
        let place = RecordReference(offset: offset(operation), checksum: operation.checksum)
        return place.raw | (operation.record >> 5 & 1)
    }

    @inline(__always)
    package static func kind(_ operation: cpm_log_operation) -> UInt32 { UInt32(operation.record & 31) }
}
