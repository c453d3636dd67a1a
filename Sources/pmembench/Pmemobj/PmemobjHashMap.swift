import Foundation

/// A persistent hash map with chains, in transactions, in a libpmemobj pool: the library's second map here.
///
/// The table has a fixed number of buckets, as many as pairs are expected, so that it is never rebuilt. An entry is the
/// offset of the next one (8 bytes), the key's hash (8 bytes) and a record.
///
/// Invariants: 1. An entry is in the chain of its hash's bucket. 2. No key is there twice.
struct PmemobjHashMap: PmemobjMap {
    static let isOrdered = false
    private static let entryHead = 16

    private let pool: PmemobjPool
    /// Offset of the table: the number of buckets, a power of two, then the first entry of each chain.
    private let table: UInt64
    private let mask: UInt64

    init(pool: PmemobjPool, expectedPairs: Int) throws {
        self.pool = pool
        if pool.rootNode == 0 {
            var buckets = 64
            while buckets < expectedPairs { buckets *= 2 }
            try pool.begin()
            do {
                let offset = try pool.makeZeroed(8 * (buckets + 1))
                pool.setWord(UInt64(buckets), at: offset)
                try pool.setRootNode(offset)
                pool.commit()
            } catch {
                pool.abort()
                throw error
            }
        }
        table = pool.rootNode
        mask = pool.word(at: table) - 1
    }

    func get<Visitor: ValueVisitor>(_ key: RawSpan, _ visitor: inout Visitor) -> Bool {
        let (_, entry) = find(key, hash(key))
        guard entry != 0 else { return false }
        visitor.visit(pool.record(entry + UInt64(Self.entryHead)).value)
        return true
    }

    func put(_ key: RawSpan, _ value: RawSpan) throws {
        let hash = hash(key)
        let (link, entry) = find(key, hash)
        if entry == 0 { return try insert(key, value, hash) }
        let record = pool.record(entry + UInt64(Self.entryHead))
        if record.valueBytes == value.byteCount {
            if value.byteCount == 0 { return }
            unsafe try pool.snapshot(record.valueAddress, value.byteCount)
            record.writeValue(value)
            return
        }
        try unlink(entry, at: link)
        try insert(key, value, hash)
    }

    func remove(_ key: RawSpan) throws -> Bool {
        let (link, entry) = find(key, hash(key))
        if entry != 0 { try unlink(entry, at: link) }
        return entry != 0
    }

    func scan<Visitor: PairVisitor>(
        from key: RawSpan?, limit: Int, reverse: Bool, _ visitor: inout Visitor
    ) -> Int {
        preconditionFailure("a hash map has no order; the abilities say so")
    }

    func checkedCount() -> Int? {
        var count = 0
        for bucket in 0...mask {
            var entry = pool.word(at: link(of: bucket))
            while entry != 0 {
                let record = pool.record(entry + UInt64(Self.entryHead))
                let hash = hash(record.key)
                guard pool.word(at: entry + 8) == hash, hash & mask == bucket else { return nil }
                guard find(record.key, hash).entry == entry else { return nil }
                count += 1
                entry = pool.word(at: entry)
            }
        }
        return count
    }

    // MARK: Chains

    private func insert(_ key: RawSpan, _ value: RawSpan, _ hash: UInt64) throws {
        let link = link(of: hash & mask)
        let entry = try pool.makeRecord(key, value, headBytes: Self.entryHead)
        pool.setWord(pool.word(at: link), at: entry)
        pool.setWord(hash, at: entry + 8)
        try pool.snapshotWord(at: link)
        pool.setWord(entry, at: link)
    }

    private func unlink(_ entry: UInt64, at link: UInt64) throws {
        try pool.snapshotWord(at: link)
        pool.setWord(pool.word(at: entry), at: link)
        try pool.free(entry)
    }

    private func link(of bucket: UInt64) -> UInt64 { table + 8 * (bucket + 1) }

    /// The entry of a key, or 0, and the word that holds its offset.
    @inline(__always)
    private func find(_ key: RawSpan, _ hash: UInt64) -> (link: UInt64, entry: UInt64) {
        var link = link(of: hash & mask)
        while true {
            let entry = pool.word(at: link)
            if entry == 0 { return (link, 0) }
            if pool.word(at: entry + 8) == hash,
                pool.record(entry + UInt64(Self.entryHead)).compare(key) == 0
            {
                return (link, entry)
            }
            link = entry
        }
    }

    /// Eight bytes at a time; the bits of each are spread over the whole hash.
    @inline(__always)
    private func hash(_ key: RawSpan) -> UInt64 {
        var hash = UInt64(key.byteCount)
        var offset = 0
        while offset + 8 <= key.byteCount {
            hash = unsafe mixed(hash ^ key.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        while offset < key.byteCount {
            hash = mixed(hash ^ UInt64(unsafe key.unsafeLoad(fromByteOffset: offset, as: UInt8.self)))
            offset += 1
        }
        return hash
    }
}
