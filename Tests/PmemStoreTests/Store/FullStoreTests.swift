internal import PmemStoreTesting
import Testing

@testable internal import PmemStore

@Suite("Store: full")
struct FullStoreTests {
    private func makeFixture() throws -> StoreFixture {
        try StoreFixture { options in
            options.initialBytes = 16 << 20
            options.quotaBytes = 24 << 20
        }
    }

    /// Puts until the store is full, a batch a transaction; returns how many batches went in.
    private func fill(_ store: Store, valueBytes: Int, batch: Int) throws -> Int {
        var random = SeededGenerator(seed: 7)
        for number in 0... {
            do {
                try store.write { tx in
                    for index in 0..<batch {
                        let words: [UInt64] = [random.next(), UInt64(number * batch + index)]
                        let bytes = words.flatMap { [UInt8](pattern: Int(truncatingIfNeeded: $0), count: 8) }
                        try tx.put([UInt8](pattern: number, count: valueBytes), forKey: bytes)
                    }
                }
            } catch StoreError.commit(.full(let quota, let needed)) {
                #expect(quota == 24 << 20)
                #expect(needed > 0)
                return number
            }
        }
        return 0
    }

    @Test(
        "A full store refuses by a typed error, rolls back, deletes, and then takes puts again",
        arguments: [(16, 500), (1000, 20), (100_000, 3), (3_000_000, 1)])
    func full(valueBytes: Int, batch: Int) throws {
        let fixture = try makeFixture()
        let store = fixture.store
        let batches = try fill(store, valueBytes: valueBytes, batch: batch)
        try #expect(
            store.read { tx in try tx.count() } == batches * batch, "the refused batch is rolled back")
        let keys = try store.read { tx in
            var keys: [[UInt8]] = []
            try tx.forEach { key, _ in
                keys.append(key.array)
                return true
            }
            return keys
        }
        for key in keys.prefix(20) { try store.write { tx in try #expect(tx.delete(key)) } }
        try store.write { tx in try tx.deleteRange(to: keys[keys.count / 2]) }
        try store.checkpoint()
        // Keys of the same length: a record of another size needs a whole chunk of its own.
        for number in UInt8(0)..<2 {
            let key = [UInt8](repeating: number, count: 16)
            try store.write { tx in try tx.put([UInt8](pattern: 1, count: valueBytes), forKey: key) }
        }
        try fixture.reopen()
        try SpaceAudit.run(fixture.store)
    }

    /// Ascending keys leave few free slots of nodes, and a transaction that changes every leaf needs one for each.
    @Test("Whatever a full store accepts, it can save")
    func savable() throws {
        // Twice as many leaves as the reserve has room for.
        let fixture = try StoreFixture { options in
            options.initialBytes = 16 << 20
            options.quotaBytes = 72 << 20
            options.logBytes = 1 << 20
        }
        let store = fixture.store
        var count: UInt32 = 0
        while true {
            do {
                try store.write { tx in
                    for number in count..<(count + 2000) { try tx.put("8 bytes.", forKey: number) }
                }
                count += 2000
            } catch StoreError.commit(.full) {
                break
            }
        }
        // A key of every leaf at once is refused as a whole; by parts the same keys go.
        #expect(throws: StoreError.self) { try delete(0..<count, store) }
        try store.checkpoint()
        try #expect(store.read { tx in try tx.count() } == Int(count))
        for first in stride(from: 0, to: count, by: 50_000) {
            try delete(first..<min(first + 50_000, count), store)
        }
        let deleted = stride(from: 0, to: count, by: 50).underestimatedCount
        try store.checkpoint()
        try fixture.reopen()
        try #expect(fixture.store.read { tx in try tx.count() } == Int(count) - deleted)
        try SpaceAudit.run(fixture.store)
    }

    /// One key of 50, so that of leaves in order each loses at least one.
    private func delete(_ numbers: Range<UInt32>, _ store: Store) throws {
        try store.write { tx in
            for number in stride(from: numbers.lowerBound, to: numbers.upperBound, by: 50) {
                try #expect(tx.delete(number))
            }
        }
    }

    @Test("All that a full store holds can be deleted, one key a transaction, in any order")
    func emptying() throws {
        let fixture = try makeFixture()
        let store = fixture.store
        _ = try fill(store, valueBytes: 16, batch: 500)
        var keys: [[UInt8]] = []
        try store.read { tx in
            try tx.forEach { key, _ in
                keys.append(key.array)
                return true
            }
        }
        var random = SeededGenerator(seed: 8)
        keys.shuffle(using: &random)
        for first in stride(from: 0, to: keys.count, by: 1000) {
            try store.write { tx in
                for key in keys[first..<min(first + 1000, keys.count)] { try tx.delete(key) }
            }
        }
        try #expect(store.read { tx in try tx.count() } == 0)
        _ = try fill(store, valueBytes: 16, batch: 500)
    }

    @Test("A put refused inside a savepoint leaves a transaction that can go on")
    func savepoint() throws {
        let fixture = try makeFixture()
        try fixture.store.write { tx in
            try tx.put("kept", forKey: "key")
            #expect(throws: StoreError.self) {
                try tx.savepoint { inner in
                    try inner.put("lost", forKey: "key")
                    try inner.put(byteCount: 100 << 20, forKey: "too large") { _ in }
                }
            }
        }
        try #expect(fixture.store.read { tx in try tx.get("key") } == [UInt8](text: "kept"))
        try fixture.reopen()
        try SpaceAudit.run(fixture.store)
    }
}
