import CPmem
import Glibc

/// A libpmemobj pool: transactions, allocation and snapshots, with failures as errors.
@safe final class PmemobjPool: @unchecked Sendable {
    private static let layout = "pmembench-btree"
    private static let recordKind: UInt64 = 1
    private static let nodeKind: UInt64 = 2
    private static let bufferKind: UInt64 = 3
    /// Log space that is handed to large transactions, so that the library need not allocate it within them.
    private static let snapshotBufferBytes = 1 << 20
    private static let intentBufferBytes = 1 << 18
    /// Up to this many operations the library's own log space suffices.
    private static let smallTransaction = 16

    private let pool: OpaquePointer
    private let base: UnsafeMutableRawPointer
    private let identifier: UInt64
    /// Offset of the root object: the offsets of the root node, the snapshot buffer and the intent buffer.
    private let root: UInt64
    private let byteCount: Int

    /// Makes a pool of a fixed size, its pages faulted in.
    static func create(at path: String, byteCount: Int) throws -> PmemobjPool {
        unsafe _ = cpm_set_flag("prefault.at_create", 1)
        let handle = unsafe pmemobj_create(path, layout, byteCount, 0o600)
        let pool = try unsafe PmemobjPool(handle, path: path, byteCount: byteCount)
        try pool.makeLogBuffers()
        return pool
    }

    /// The library opens its files without closing them on exec: a process that was forked a moment ago may hold the
    /// lock of a pool that is closed here. It is waited for, ten seconds at most.
    static func open(at path: String) throws -> PmemobjPool {
        var status = stat()
        unsafe _ = stat(path, &status)
        var handle = unsafe pmemobj_open(path, layout)
        var tries = 0
        while unsafe handle == nil, errno == EAGAIN, tries < 10_000 {
            usleep(1000)
            tries += 1
            unsafe handle = pmemobj_open(path, layout)
        }
        return try unsafe PmemobjPool(handle, path: path, byteCount: Int(status.st_size))
    }

    private init(_ pool: OpaquePointer?, path: String, byteCount: Int) throws {
        guard let pool = unsafe pool else { throw Self.failure("pool \(path)") }
        let object = unsafe pmemobj_root(pool, 24)
        guard object.off != 0 else { throw Self.failure("root object of \(path)") }
        unsafe self.pool = pool
        unsafe base = UnsafeMutableRawPointer(pool)
        identifier = object.pool_uuid_lo
        root = object.off
        self.byteCount = byteCount
    }

    func close() {
        unsafe pmemobj_close(pool)
    }

    /// True when libpmem flushes by cache line here, and not by msync.
    var isPersistentMemory: Bool { unsafe pmem_is_pmem(base, byteCount) == 1 }

    @inline(__always)
    func node(_ offset: UInt64) -> PmemobjNode {
        unsafe PmemobjNode(base + Int(offset))
    }

    @inline(__always)
    func record(_ offset: UInt64) -> PmemobjRecord {
        unsafe PmemobjRecord(base + Int(offset))
    }

    var rootNode: UInt64 {
        @inline(__always) get { unsafe (base + Int(root)).load(as: UInt64.self) }
    }

    func setRootNode(_ offset: UInt64) throws {
        unsafe try snapshot(base + Int(root), 8)
        unsafe (base + Int(root)).storeBytes(of: offset, as: UInt64.self)
    }

    // MARK: Transactions

    func begin() throws {
        guard unsafe cpm_tx_begin(pool) == 0 else { throw Self.failure("begin") }
    }

    /// Begins a transaction of so many operations.
    @inline(__always)
    func begin(operations: Int) throws {
        try begin()
        guard operations > Self.smallTransaction else { return }
        append(TX_LOG_TYPE_SNAPSHOT, at: 8, Self.snapshotBufferBytes)
        append(TX_LOG_TYPE_INTENT, at: 16, Self.intentBufferBytes)
    }

    /// Hands the log buffer whose offset stands in the root object to the transaction.
    private func append(_ kind: pobj_log_type, at field: Int, _ byteCount: Int) {
        let offset = unsafe (base + Int(root) + field).load(as: UInt64.self)
        unsafe _ = pmemobj_tx_log_append_buffer(kind, base + Int(offset), byteCount)
    }

    private func makeLogBuffers() throws {
        try begin()
        unsafe try snapshot(base + Int(root), 24)
        for (field, byteCount) in [(8, Self.snapshotBufferBytes), (16, Self.intentBufferBytes)] {
            let offset = cpm_tx_alloc(byteCount, Self.bufferKind)
            unsafe (base + Int(root) + field).storeBytes(of: offset, as: UInt64.self)
        }
        commit()
    }

    func commit() {
        pmemobj_tx_commit()
        _ = pmemobj_tx_end()
    }

    func abort() {
        if pmemobj_tx_stage() == TX_STAGE_WORK { pmemobj_tx_abort(ECANCELED) }
        _ = pmemobj_tx_end()
    }

    func snapshot(_ address: UnsafeMutableRawPointer, _ byteCount: Int) throws {
        guard unsafe cpm_tx_add(address, byteCount) == 0 else { throw Self.failure("snapshot") }
    }

    func snapshot(_ node: PmemobjNode) throws {
        unsafe try snapshot(node.address, node.snapshotBytes)
    }

    func makeNode(isLeaf: Bool) throws -> UInt64 {
        let offset = cpm_tx_alloc(isLeaf ? PmemobjNode.leafBytes : PmemobjNode.innerBytes, Self.nodeKind)
        guard offset != 0 else { throw Self.failure("allocation of a node") }
        node(offset).count = 0
        node(offset).isLeaf = isLeaf
        return offset
    }

    /// A record behind so many bytes that the caller fills.
    func makeRecord(_ key: RawSpan, _ value: RawSpan, headBytes: Int = 0) throws -> UInt64 {
        let byteCount = PmemobjRecord.byteCount(keyBytes: key.byteCount, valueBytes: value.byteCount)
        let offset = cpm_tx_alloc(headBytes + byteCount, Self.recordKind)
        guard offset != 0 else { throw Self.failure("allocation of a record") }
        record(offset + UInt64(headBytes)).write(key, value)
        return offset
    }

    func makeZeroed(_ byteCount: Int) throws -> UInt64 {
        let offset = cpm_tx_zeroed_alloc(byteCount, Self.nodeKind)
        guard offset != 0 else { throw Self.failure("allocation of \(byteCount) bytes") }
        return offset
    }

    @inline(__always)
    func word(at offset: UInt64) -> UInt64 {
        unsafe (base + Int(offset)).load(as: UInt64.self)
    }

    func setWord(_ word: UInt64, at offset: UInt64) {
        unsafe (base + Int(offset)).storeBytes(of: word, as: UInt64.self)
    }

    func snapshotWord(at offset: UInt64) throws {
        unsafe try snapshot(base + Int(offset), 8)
    }

    func free(_ offset: UInt64) throws {
        guard cpm_tx_free(identifier, offset) == 0 else { throw Self.failure("free") }
    }

    /// Bytes of all records and nodes with their 16-byte headers, found by walking the heap.
    func allocatedBytes() -> UInt64 {
        var total: UInt64 = 0
        var object = unsafe cpm_first_object(pool)
        while object.off != 0 {
            if pmemobj_type_num(object) != Self.bufferKind {
                total += UInt64(pmemobj_alloc_usable_size(object)) + 16
            }
            object = cpm_next_object(object)
        }
        return total
    }

    private static func failure(_ what: String) -> BenchmarkFailure {
        let reason = unsafe String(cString: pmemobj_errormsg())
        return BenchmarkFailure(.failure, "libpmemobj: \(what): \(reason)")
    }
}
