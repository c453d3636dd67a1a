internal import Glibc
internal import StoreWorkloads
internal import Synchronization
import Testing

@testable internal import PmemStore

@Suite("Store: transactions")
struct TransactionTests {
    @Test("A throwing closure leaves nothing, and no number of a commit")
    func throwing() throws {
        let fixture = try StoreFixture()
        try fixture.store.write { tx in try tx.put("1", forKey: "a") }
        let commits = fixture.store.statistics.commits
        #expect(throws: Deliberate()) {
            try fixture.store.write { tx in
                try tx.put("2", forKey: "a")
                _ = try tx.createTable("t")
                try tx.deleteRange()
                throw Deliberate()
            }
        }
        #expect(fixture.store.statistics.commits == commits)
        try fixture.reopenAsIfKilled()
        try #expect(fixture.store.read { tx in try tx.everything().names } == [])
        try #expect(fixture.store.read { tx in try tx.get("a") } == [UInt8](text: "1"))
    }

    /// Each changes one pair, so that it is the last change of its commit; the leaves are in memory.
    @Test("A snapshot sees none of many commits that change the same leaves")
    func snapshotOfChangedLeaves() throws {
        let fixture = try StoreFixture()
        try fixture.store.write { tx in
            for number in 0..<300 { try tx.put("old", forKey: [UInt8(number >> 8), UInt8(number & 255)]) }
        }
        let snapshot = try fixture.store.snapshot()
        for number in 0..<300 {
            let key = [UInt8(number * 137 % 300 >> 8), UInt8(number * 137 % 300 & 255)]
            try fixture.store.write { tx in try tx.put("new", forKey: key) }
        }
        let pairs = snapshot.pairs()
        #expect(try snapshot.read { tx in try tx.count() } == 300)
        for pair in pairs { #expect(pair.value == [UInt8](text: "old")) }
    }

    @Test("Ascending keys in one transaction; a savepoint, a delete and another table between them")
    func ascendingKeys() throws {
        let fixture = try StoreFixture()
        func key(_ number: Int) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 255), 7] }
        try fixture.store.write { tx in
            let other = try tx.createTable("other")
            for number in 0..<1000 { try tx.put("a", forKey: key(number)) }
            #expect(throws: Deliberate()) {
                try tx.savepoint { inner in
                    for number in 1000..<1500 { try inner.put("b", forKey: key(number)) }
                    throw Deliberate()
                }
            }
            for number in 1000..<1200 { try tx.put("c", forKey: key(number)) }
            try tx.delete(key(1199))
            for number in 0..<300 { try tx.put("d", forKey: key(number), in: other) }
            for number in 1200..<2000 { try tx.put("e", forKey: key(number)) }
            try tx.put("f", forKey: key(500))
            try tx.put("g", forKey: key(2000))
        }
        for _ in 0..<2 {
            try fixture.store.read { tx in
                #expect(try tx.count() == 2000)
                #expect(try tx.get(key(1199)) == nil)
                let wanted = [
                    (0, "a"), (500, "f"), (999, "a"), (1000, "c"), (1198, "c"), (1200, "e"), (2000, "g"),
                ]
                for (number, value) in wanted { #expect(try tx.get(key(number)) == [UInt8](text: value)) }
                #expect(try tx.count(in: tx.table(named: "other")) == 300)
                var last: [UInt8] = []
                try tx.forEach { key, _ in
                    let bytes = unsafe key.withUnsafeBytes { unsafe [UInt8]($0) }
                    #expect(last.lexicographicallyPrecedes(bytes))
                    last = bytes
                    return true
                }
            }
            try fixture.reopenAsIfKilled()
        }
    }

    @Test("Savepoints nest; a rolled back one takes the inner ones with it")
    func savepoints() throws {
        let fixture = try StoreFixture()
        try fixture.store.write { tx in
            try tx.put("0", forKey: "key")
            #expect(throws: Deliberate()) {
                try tx.savepoint { outer in
                    try outer.put("1", forKey: "key")
                    try outer.savepoint { inner in try inner.put("2", forKey: "key") }
                    try #expect(outer.get("key") == [UInt8](text: "2"))
                    throw Deliberate()
                }
            }
            try #expect(tx.get("key") == [UInt8](text: "0"))
            try tx.savepoint { inner in try inner.put("3", forKey: "key") }
        }
        try #expect(fixture.store.read { tx in try tx.get("key") } == [UInt8](text: "3"))
    }

    @Test("A transaction larger than the log spills, commits as one, and is replayed")
    func spilling() throws {
        let fixture = try StoreFixture { $0.logBytes = 64 << 10 }
        try fixture.store.write { tx in
            for number in 0..<20_000 { try tx.put("v", forKey: UInt32(number)) }
        }
        try fixture.reopenAsIfKilled()
        try #expect(fixture.store.read { tx in try tx.count() } == 20_000)
        try fixture.reopen()
        try SpaceAudit.run(fixture.store)
    }

    @Test("An empty transaction costs no fence and no number")
    func empty() throws {
        let fixture = try StoreFixture()
        let before = fixture.store.statistics
        try fixture.store.write { tx in
            try #expect(tx.get("nothing") == nil)
            try #expect(!tx.delete("nothing"))
        }
        #expect(fixture.store.statistics.commitMedium.fences == before.commitMedium.fences)
        #expect(fixture.store.statistics.commits == before.commits)
    }

    @Test("Statistics count commits, fences, segments and bytes")
    func statistics() throws {
        let fixture = try StoreFixture()
        let before = fixture.store.statistics
        for number in 0..<10 { try fixture.store.write { tx in try tx.put("value", forKey: UInt8(number)) } }
        let after = fixture.store.statistics
        #expect(after.commits == before.commits + 10)
        #expect(after.commitMedium.fences == before.commitMedium.fences + 10)
        #expect(after.commitMedium.nonTemporalBytes == before.commitMedium.nonTemporalBytes + 10 * 128)
        #expect(after.logBytes == before.logBytes + 640)
        #expect(after.segments == 1)
        #expect(after.fileBytes == 16 << 20)
        try fixture.store.checkpoint()
        #expect(fixture.store.statistics.checkpointMedium.fences == before.checkpointMedium.fences + 2)
        #expect(fixture.store.statistics.logBytes == 0)
    }

    @Test("A sorted load follows what is there and names the first pair out of order")
    func load() throws {
        let fixture = try StoreFixture()
        let pairs = (0..<1000).map { (key: [UInt8](text: "key \(1000 + $0)"), value: [UInt8(1)]) }
        try fixture.store.write { tx in try tx.load(sorted: pairs) }
        try #expect(fixture.store.read { tx in try tx.count() } == 1000)
        for (list, index) in [([pairs[5]], 0), ([(key: [0xff], value: []), (key: [0xff], value: [])], 1)] {
            #expect(throws: StoreError.transaction(.notSorted(index: index))) {
                try fixture.store.write { tx in try tx.load(sorted: list) }
            }
        }
        try #expect(fixture.store.read { tx in try tx.count() } == 1000)
    }

    @Test("An ordinary file system: commits survive a reopen and a kill, and each is synced")
    func pageDomain() throws {
        let fixture = try StoreFixture(.ordinaryFileSystem)
        #expect(fixture.store.persistence.domain == .page)
        for number in 0..<30 { try fixture.store.write { tx in try tx.put("value", forKey: UInt8(number)) } }
        #expect(fixture.store.statistics.commitMedium.syncCalls >= 30)
        try fixture.reopenAsIfKilled()
        #expect(fixture.store.openReport.replayedOperations == 30)
        try fixture.reopen()
        #expect(fixture.store.openReport.replayedOperations == 0)
        try #expect(fixture.store.read { tx in try tx.count() } == 30)
    }

    @Test("A reader in its closure sees one version while a thousand commits pass by")
    func stableReader() throws {
        let fixture = try StoreFixture()
        let store = fixture.store
        try store.write { tx in try tx.put(UInt64(0).bytes, forKey: "number") }
        let begun = Atomic<Bool>(false)
        let writer = WorkloadThread {
            while !begun.load(ordering: .acquiring) { sched_yield() }
            for number in 1...1000 {
                _ = try? store.write { tx in try tx.put(UInt64(number).bytes, forKey: "number") }
            }
        }
        try store.read { tx in
            begun.store(true, ordering: .releasing)
            writer.join()
            try #expect(tx.get("number") == UInt64(0).bytes)
        }
        try #expect(store.read { tx in try tx.get("number") } == UInt64(1000).bytes)
    }
}

extension UInt64 {
    fileprivate var bytes: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: self >> (8 * $0)) } }
}
