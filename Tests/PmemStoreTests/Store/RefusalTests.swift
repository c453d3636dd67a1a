internal import Glibc
import Testing

@testable internal import PmemStore

@Suite("Store: typed refusals")
struct RefusalTests {
    private func refusal<R>(_ body: () throws -> R) -> StoreError? {
        do {
            _ = try body()
            return nil
        } catch {
            return error as? StoreError
        }
    }

    @Test(
        "A key of 65 536 bytes is refused by every operation that would keep it, and the transaction goes on")
    func keyTooLong() throws {
        let fixture = try StoreFixture()
        let key = [UInt8](repeating: 1, count: 65_536)
        let expected = StoreError.transaction(.keyTooLong(bytes: 65_536, limit: 65_535))
        try fixture.store.write { tx in
            #expect(throws: expected) { try tx.put("v", forKey: key) }
            #expect(throws: expected) { try tx.put(byteCount: 1, forKey: key) { _ in } }
            #expect(throws: expected) { try tx.deleteRange(from: key) }
            #expect(throws: expected) { try tx.deleteRange(to: key) }
            try #expect(tx.get(key) == nil)
            try #expect(!tx.delete(key))
            try tx.put("v", forKey: key.dropLast() as [UInt8])
        }
        try #expect(fixture.store.read { tx in try tx.count() } == 1)
    }

    @Test("Tables: not there, there already")
    func tables() throws {
        let fixture = try StoreFixture()
        try fixture.store.write { tx in _ = try tx.createTable("there") }
        let missing = StoreError.transaction(.noSuchTable(name: "missing"))
        #expect(refusal { try fixture.store.read { tx in try tx.table(named: "missing") } } == missing)
        #expect(refusal { try fixture.store.write { tx in try tx.dropTable("missing") } } == missing)
        let there = StoreError.transaction(.tableExists(name: "there"))
        #expect(refusal { try fixture.store.write { tx in try tx.createTable("there") } } == there)
    }

    @Test("A closed store refuses everything; closing twice is harmless")
    func closed() throws {
        let fixture = try StoreFixture()
        let store = fixture.store
        try store.write { tx in try tx.put("v", forKey: "k") }
        try store.close()
        try store.close()
        let closed = StoreError.transaction(.closed)
        #expect(refusal { try store.read { tx in try tx.count() } } == closed)
        #expect(refusal { try store.write { tx in try tx.put("v", forKey: "k") } } == closed)
        #expect(refusal { try store.snapshot() } == closed)
        #expect(refusal { try store.checkpoint() } == closed)
        #expect(store.statistics.segments == 0)
    }

    @Test("A store is not closed under a snapshot, and stays open")
    func readersOpen() throws {
        let fixture = try StoreFixture()
        let store = fixture.store
        try store.write { tx in try tx.put("v", forKey: "k") }
        let snapshot = try store.snapshot()
        #expect(refusal { try store.close() } == .transaction(.readersOpen(count: 1)))
        try #expect(snapshot.read { tx in try tx.count() } == 1)
        try store.write { tx in try tx.put("w", forKey: "k") }
        try #expect(snapshot.read { tx in try tx.get("k") } == [UInt8](text: "v"))
    }

    @Test("More readers than the table has slots are refused, and none that is open is lost")
    func tooManyReaders() throws {
        let fixture = try StoreFixture()
        var snapshots: [Snapshot] = []
        let limit = ReaderTable.limit
        let error = refusal {
            for _ in 0...limit { snapshots.append(try fixture.store.snapshot()) }
        }
        #expect(error == .transaction(.tooManyReaders(limit: limit)))
        snapshots.removeLast()
        #expect(refusal { try fixture.store.read { tx in try tx.count() } } == nil)
    }

    @Test("A store that is open is in use, by this process's identifier")
    func openTwice() throws {
        let fixture = try StoreFixture()
        let error = refusal { try Store.open(fixture.scratch.store, options: fixture.options) }
        #expect(error == .open(.inUse(path: fixture.scratch.store, pid: getpid())))
    }
}
