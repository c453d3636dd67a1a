import Testing

@testable internal import PmemStore

@Suite("Store: tables")
struct TableTests {
    @Test("Ten thousand tables in one transaction, all there after a reopen and after a kill")
    func manyTables() throws {
        let fixture = try StoreFixture()
        try fixture.store.write { tx in
            for number in 0..<10_000 {
                let table = try tx.createTable("table \(number)")
                try tx.put("value \(number)", forKey: "key", in: table)
            }
        }
        try fixture.reopenAsIfKilled()
        try fixture.reopen()
        try fixture.store.read { tx in
            try #expect(tx.tableNames().count == 10_000)
            for number in stride(from: 0, to: 10_000, by: 97) {
                let value = try tx.get("key", in: try tx.table(named: "table \(number)"))
                #expect(value == [UInt8](text: "value \(number)"))
            }
        }
        try SpaceAudit.run(fixture.store)
    }

    @Test("The number of a dropped table is never given out again, also across a reopen")
    func numbers() throws {
        let fixture = try StoreFixture()
        let first = try fixture.store.write { tx in try tx.createTable("one") }
        try fixture.store.write { tx in try tx.dropTable("one") }
        try fixture.reopenAsIfKilled()
        try fixture.reopen()
        let second = try fixture.store.write { tx in try tx.createTable("one") }
        #expect(second != first)
    }

    @Test("A number that a transaction took and did not keep is no reason to give out another one twice")
    func numbersOfAbandonedTransactions() throws {
        struct Deliberate: Error {}
        let fixture = try StoreFixture()
        #expect(throws: Deliberate.self) {
            try fixture.store.write { tx in
                _ = try tx.createTable("abandoned")
                throw Deliberate()
            }
        }
        try fixture.store.write { tx in try tx.put("1", forKey: "key", in: try tx.createTable("one")) }
        try fixture.reopenAsIfKilled()
        try fixture.store.write { tx in try tx.put("2", forKey: "key", in: try tx.createTable("two")) }
        for (name, value) in [("one", "1"), ("two", "2")] {
            let found = try fixture.store.read { tx in try tx.get("key", in: try tx.table(named: name)) }
            #expect(found == [UInt8](text: value))
        }
    }

    /// The catalog counts nothing that a reopen would have to restore.
    @Test("Tables that a reopen has found can be emptied and dropped")
    func emptyAfterReopen() throws {
        let fixture = try StoreFixture()
        try fixture.store.write { tx in
            try tx.put("1", forKey: "a")
            try tx.put("2", forKey: "b", in: try tx.createTable("other"))
        }
        try fixture.reopen()
        try fixture.store.write { tx in
            try tx.delete("a")
            try tx.dropTable("other")
        }
        try #expect(fixture.store.read { tx in try tx.everything() } == StoreModel())
    }
}
