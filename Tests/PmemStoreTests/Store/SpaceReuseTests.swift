import Testing

@testable internal import PmemStore

@Suite("Store: space")
struct SpaceReuseTests {
    private static let keys = 2000

    private func used(_ store: Store) -> UInt64 {
        let statistics = store.statistics
        return statistics.fileBytes - statistics.freeBytes
    }

    private func put(_ count: Int, named name: String, round: Int, _ store: Store) throws {
        for first in stride(from: 0, to: count, by: 100) {
            try store.write { tx in
                for number in first..<(first + 100) {
                    try tx.put([UInt8](pattern: round, count: 900), forKey: "\(name) \(number)")
                }
            }
        }
    }

    private func overwriteAll(_ store: Store, round: Int) throws {
        try put(Self.keys, named: "key", round: round, store)
        try store.checkpoint()
    }

    /// Pairs of a snapshot that are of a round: what cannot be read ends `pairs()` early.
    private func versions(_ round: Int, in snapshot: Snapshot) -> Int {
        let value = [UInt8](pattern: round, count: 900)
        return snapshot.pairs().count { $0.value == value }
    }

    @Test("A parked snapshot keeps its version and costs no more than what it sees")
    func parkedSnapshot() throws {
        let fixture = try StoreFixture()
        let store = fixture.store
        try overwriteAll(store, round: 0)
        let snapshot = try store.snapshot()
        for round in 1...3 { try overwriteAll(store, round: round) }
        let early = used(store)
        for round in 4...20 { try overwriteAll(store, round: round) }
        #expect(used(store) <= early + (2 << 20), "twenty rounds take no more than three")
        #expect(versions(0, in: snapshot) == Self.keys)
        try #expect(snapshot.read { tx in try tx.count() } == Self.keys)
    }

    @Test("What two snapshots see stays for the one when the other is let go")
    func twoSnapshots() throws {
        let fixture = try StoreFixture()
        let store = fixture.store
        try overwriteAll(store, round: 0)
        let first = try store.snapshot()
        try store.write { tx in try tx.put("other", forKey: "other") }
        do {
            let second = try store.snapshot()
            try overwriteAll(store, round: 1)
            try #expect(second.read { tx in try tx.get("key 7") } == [UInt8](pattern: 0, count: 900))
        }
        // The first checkpoint sets free what only the second snapshot kept. What is added then needs every slot.
        for round in 2...4 { try overwriteAll(store, round: round) }
        try put(5 * Self.keys, named: "new", round: 5, store)
        #expect(versions(0, in: first) == Self.keys)
        try #expect(first.read { tx in try tx.count() } == Self.keys)
    }

    @Test("Snapshots let go give their space back")
    func releasedSnapshots() throws {
        let fixture = try StoreFixture()
        let store = fixture.store
        try overwriteAll(store, round: 0)
        try overwriteAll(store, round: 1)
        let before = used(store)
        do {
            var snapshots: [Snapshot] = []
            for round in 2...6 {
                snapshots.append(try store.snapshot())
                try overwriteAll(store, round: round)
            }
            #expect(used(store) > before + (4 << 20), "five versions are kept")
        }
        try overwriteAll(store, round: 7)
        try overwriteAll(store, round: 8)
        #expect(used(store) <= before + (4 << 20))
        try fixture.reopen()
        try SpaceAudit.run(fixture.store)
    }

    @Test("Putting and deleting returns to the footprint at the start")
    func churn() throws {
        let fixture = try StoreFixture()
        let store = fixture.store
        for round in 0..<2 {
            try overwriteAll(store, round: round)
            try store.write { tx in try tx.deleteRange() }
            try store.checkpoint()
        }
        let start = used(store)
        let fileBytes = store.statistics.fileBytes
        for round in 2..<10 {
            try overwriteAll(store, round: round)
            try store.write { tx in
                for key in 0..<Self.keys { try tx.delete("key \(key)") }
            }
            try store.checkpoint()
        }
        #expect(used(store) <= start + (2 << 20))
        #expect(store.statistics.fileBytes == fileBytes)
    }

    @Test("A small store grows online to 200 MiB and is the same after a reopen")
    func growth() throws {
        let fixture = try StoreFixture()
        let value = [UInt8](pattern: 1, count: 1 << 20)
        for number in 0..<190 {
            try fixture.store.write { tx in try tx.put(value, forKey: UInt32(number)) }
        }
        #expect(fixture.store.statistics.fileBytes >= 190 << 20)
        #expect(fixture.store.statistics.segments > 1)
        try fixture.reopen()
        try #expect(fixture.store.read { tx in try tx.count() } == 190)
        try #expect(fixture.store.read { tx in try tx.get(UInt32(189)) } == value)
        try SpaceAudit.run(fixture.store)
    }
}
