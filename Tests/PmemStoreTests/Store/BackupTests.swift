internal import CPmem
internal import Glibc
internal import PmemStoreTesting
internal import StoreWorkloads
internal import Synchronization
import Testing

@testable internal import PmemStore

/// Backups of stores that are in use.
@Suite("Store: backup")
struct BackupTests {
    private static var volatile: StoreOptions {
        var options = StoreOptions()
        options.acceptsVolatileMedium = true
        return options
    }

    private func open(_ path: String) throws -> Store {
        var options = Self.volatile
        options.creation = .never
        options.verifiesRecordsOnRead = true
        return try Store.open(path, options: options)
    }

    @Test(
        "Under a writer, a backup equals exactly one commit, and the source's extents stay",
        arguments: Guest.isHere ? [.ordinaryFileSystem] : Place.allCases)
    func underLoad(place: Place) throws {
        let scratch = ScratchDirectory(place)
        let store = try Store.open(scratch.store, options: NumberedCommits.options)
        for number in 1..<400 { try NumberedCommits.commit(UInt64(number), to: store) }
        let rounds = Guest.isHere ? 1 : 3
        let isOver = Atomic<Bool>(false)
        let writer = WorkloadThread {
            var next: UInt64 = 400
            while !isOver.load(ordering: .relaxed) {
                do { try NumberedCommits.commit(next, to: store) } catch { Issue.record(error) }
                next += 1
            }
        }
        for round in 0..<rounds {
            let path = scratch.path + "/backup-\(round)"
            let before = try NumberedCommits.newest(store)
            let report = try store.backup(to: path, options: Self.volatile)
            let after = try NumberedCommits.newest(store)
            let copy = try open(path)
            let found = try NumberedCommits.verify(copy)
            // One transaction, one commit: the numbers are the same.
            #expect(found == report.commit && before <= found && found <= after)
            #expect(try copy.read { tx in try UInt64(tx.count()) } == report.pairs)
            try copy.close()
            try store.verifyExtents()
        }
        isOver.store(true, ordering: .relaxed)
        writer.join()
        try store.close()
        #expect(contents(of: scratch.path).count == 1 + rounds)
    }

    @Test("All tables come along: empty ones, large values, deleted ones not")
    func tables() throws {
        let fixture = try StoreFixture()
        let large = [UInt8](pattern: 5, count: 3 << 20)
        try fixture.store.write { tx in
            let orders = try tx.table("orders")
            _ = try tx.table("empty")
            try tx.put("dropped", forKey: "key", in: tx.table("dropped"))
            try tx.put(large, forKey: "large", in: orders)
            try tx.put([UInt8](), forKey: "nothing", in: orders)
        }
        try fixture.store.write { tx in try tx.dropTable("dropped") }
        let path = fixture.scratch.path + "/backup"
        let report = try fixture.store.backup(to: path, options: Self.volatile)
        #expect(report.pairs == 2 && report.bytes == UInt64(large.count + 5 + 7))
        let copy = try open(path)
        try copy.read { tx in
            let names = try tx.tableNames()
            #expect(names == ["empty", "orders"])
            let orders = try tx.table(named: "orders")
            let value = try tx.get("large", in: orders)
            #expect(value == large)
            let nothing = try tx.get("nothing", in: orders)
            #expect(nothing == [])
            let count = try tx.count(in: tx.table(named: "empty"))
            #expect(count == 0)
        }
        // Numbers of tables are free again behind those that were copied.
        try copy.write { tx in try tx.put("value", forKey: "key", in: tx.createTable("new")) }
        try #expect(copy.read { tx in try tx.count(in: tx.table(named: "orders")) } == 2)
        try copy.close()
    }

    @Test("An empty store, and one behind a snapshot, are backed up too")
    func empty() throws {
        let fixture = try StoreFixture()
        let path = fixture.scratch.path + "/backup"
        #expect(try fixture.store.backup(to: path, options: Self.volatile).pairs == 0)
        let copy = try open(path)
        try #expect(copy.read { tx in try tx.count() } == 0)
        try copy.close()
        // A pin that was forgotten would keep the store from closing.
        try fixture.store.close()
        #expect(throws: StoreError.transaction(.closed)) { try fixture.store.backup(to: path + "2") }
    }

    @Test("What cannot be is refused and leaves no trace")
    func refusals() throws {
        let fixture = try StoreFixture()
        let taken = fixture.scratch.store
        #expect(throws: StoreError.open(.exists(path: taken))) {
            try fixture.store.backup(to: taken, options: Self.volatile)
        }
        let path = fixture.scratch.path + "/backup"
        let error = #expect(throws: StoreError.self) { try fixture.store.backup(to: path) }
        guard case .open(.volatileMedium) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        try fixture.store.write { tx in try tx.put([UInt8](repeating: 1, count: 20 << 20), forKey: "large") }
        var small = Self.volatile
        small.quotaBytes = 12 << 20
        let full = #expect(throws: StoreError.self) { try fixture.store.backup(to: path, options: small) }
        guard case .commit(.full) = full else {
            Issue.record("\(String(describing: full))")
            return
        }
        #expect(Set(contents(of: fixture.scratch.path).keys) == ["store"])
    }

    @Test("A damaged record is an error, and is not copied")
    func damage() throws {
        let fixture = try StoreFixture()
        let value = [UInt8](pattern: 77, count: 5000)
        try fixture.store.write { tx in try tx.put(value, forKey: "key") }
        try fixture.store.close()
        let segment = Fixture.segment(0, of: fixture.scratch.store)
        let place = try #require(bytes(of: segment).firstRange(of: value[...]))
        overwrite(segment, at: place.lowerBound + 2500, with: [value[2500] ^ 1])
        let store = try Store.open(fixture.scratch.store, options: fixture.options)
        let path = fixture.scratch.path + "/backup"
        let error = #expect(throws: StoreError.self) { try store.backup(to: path, options: Self.volatile) }
        guard case .corrupted(let corruption) = error, corruption.structure == .record else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(Set(contents(of: fixture.scratch.path).keys) == ["store"])
        try store.close()
    }

    @Test(
        "A backup that is killed leaves nothing or all of it, and the next one cleans up",
        arguments: Place.allCases)
    func killed(place: Place) async throws {
        let scratch = ScratchDirectory(place)
        let store = try Store.open(scratch.store, options: NumberedCommits.options)
        for number in 1..<200 { try NumberedCommits.commit(UInt64(number), to: store) }
        try store.close()
        let seed = TestPlan.seeds([43])[0]
        var random = SeededGenerator(seed: seed)
        let path = scratch.path + "/backup"
        for _ in 0..<(6 * TestPlan.scale) {
            let delay = UInt64.random(in: 0...60_000_000, using: &random)
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [source = scratch.store as String, path = path as String, delay = delay as UInt64] in
                try Self.backUpUntilKilled(source, path, nanoseconds: delay)
            }
            if unsafe access(path, F_OK) == 0 {
                try #expect(verifiedNewest(path) == 199, "seed \(seed)")
                Shell.run("rm -r '\(path)'")
            }
        }
        let again = try Store.open(scratch.store, options: NumberedCommits.options)
        try again.backup(to: path, options: Self.volatile)
        try again.close()
        #expect(Set(contents(of: scratch.path).keys) == ["store", "backup"])
        try #expect(verifiedNewest(path) == 199)
    }

    private func verifiedNewest(_ path: String) throws -> UInt64 {
        let copy = try open(path)
        defer { try? copy.close() }
        return try NumberedCommits.verify(copy)
    }

    private static func backUpUntilKilled(_ source: String, _ path: String, nanoseconds: UInt64) throws {
        let store = try Store.open(source, options: NumberedCommits.options)
        let moment = cpm_monotonic_nanoseconds() + nanoseconds
        _ = WorkloadThread {
            while cpm_monotonic_nanoseconds() < moment {}
            kill(getpid(), SIGKILL)
        }
        try store.backup(to: path, options: NumberedCommits.options)
        while true { sched_yield() }
    }
}
