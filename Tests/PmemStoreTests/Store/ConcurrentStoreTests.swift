internal import CPmem
internal import Glibc
internal import StoreWorkloads
internal import Synchronization
import Testing

@testable internal import PmemStore

/// Small enough for ThreadSanitizer, in which these suites run once more.
@Suite("Store: many threads")
struct ConcurrentStoreTests {
    private static let rounds = 60

    private func inThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) {
        let failures = Mutex<[String]>([])
        let threads = (0..<count).map { number in
            WorkloadThread {
                do { try body(number) } catch { failures.withLock { $0.append("\(error)") } }
            }
        }
        for thread in threads { thread.join() }
        #expect(failures.withLock { $0 } == [])
    }

    @Test("Writers, readers, snapshots and checkpoints at once: every reader sees whole transactions")
    func mixture() throws {
        let fixture = try StoreFixture { options in
            options.logBytes = 64 << 10
            options.recoveryTimeTargetNanoseconds = 1_000_000
        }
        let store = fixture.store
        inThreads(7) { number in
            for round in 0..<Self.rounds {
                switch number {
                case 0, 1: try write(store, round: round, writer: number)
                case 2, 3: try store.read { tx in try checkWhole(tx) }
                case 4: try checkSnapshot(store)
                case 5: try store.checkpoint()
                default: _ = try store.read { tx in try tx.multiGet([[0], [1], [2]]) }
                }
            }
        }
        try store.read { tx in try checkWhole(tx) }
        try fixture.reopen()
        try SpaceAudit.run(fixture.store)
    }

    /// Sets twenty keys to one value, so that a reader can tell a whole transaction from a part of one.
    private func write(_ store: Store, round: Int, writer: Int) throws {
        try store.write { tx in
            let value = [UInt8](pattern: round * 2 + writer, count: 30 + round * 7)
            for key in UInt8(0)..<20 { try tx.put(value, forKey: key) }
            try tx.put(value, forKey: "\(writer) \(round)")
            if round > 3 { try tx.delete("\(writer) \(round - 3)") }
        }
    }

    private func checkWhole(_ tx: borrowing ReadTransaction) throws {
        let first = try tx.get(UInt8(0))
        for key in UInt8(1)..<20 { try #require(try tx.get(key) == first) }
    }

    private func checkSnapshot(_ store: Store) throws {
        let snapshot = try store.snapshot()
        let before = Array(snapshot.pairs())
        sched_yield()
        try #require(Array(snapshot.pairs(reversed: true)) == before.reversed())
    }

    @Test("Commits of one put each: a reader sees every key as its commit left it, and the right count")
    func singlePuts() throws {
        let fixture = try StoreFixture { $0.logBytes = 64 << 10 }
        let store = fixture.store
        let keys = 400
        let isOver = Atomic(false)
        inThreads(4) { number in
            defer { isOver.store(true, ordering: .relaxed) }
            if number == 0 {
                for commit in 1...(5 * keys) { try put(store, commit: commit, keys: keys) }
            } else {
                while !isOver.load(ordering: .relaxed) {
                    if number == 3 { try store.checkpoint() } else { try checkPuts(store, keys: keys) }
                }
            }
        }
        try checkPuts(store, keys: keys)
        try fixture.reopen()
        try checkPuts(fixture.store, keys: keys)
        try SpaceAudit.run(fixture.store)
    }

    /// Commit n puts n under key n * 7 mod `keys`.
    private func put(_ store: Store, commit: Int, keys: Int) throws {
        try store.write { tx in
            try tx.put(
                [UInt8](pattern: commit, count: 8), forKey: [UInt8](pattern: commit * 7 % keys, count: 8))
        }
    }

    private func checkPuts(_ store: Store, keys: Int) throws {
        try store.read { tx in
            let commit = Int(tx.commit)
            try #require(try tx.count() == min(commit, keys))
            var found = 0
            try tx.forEach { _, _ in
                found += 1
                return true
            }
            try #require(found == min(commit, keys))
            for back in 0..<min(commit, 20) {
                let value = try tx.get([UInt8](pattern: (commit - back) * 7 % keys, count: 8))
                try #require(value == [UInt8](pattern: commit - back, count: 8))
            }
        }
    }

    @Test("A store grows under writers while checkpoints run and readers read")
    func growth() throws {
        let fixture = try StoreFixture { $0.initialBytes = 8 << 20 }
        let store = fixture.store
        inThreads(5) { number in
            for round in 0..<16 {
                if number < 3 {
                    let value = [UInt8](pattern: round, count: 200_000 + number)
                    try store.write { tx in try tx.put(value, forKey: "\(number) \(round)") }
                } else if number == 3 {
                    try store.checkpoint()
                } else {
                    _ = try store.read { tx in try tx.last()?.value.count }
                }
            }
        }
        try fixture.reopen()
        #expect(fixture.store.statistics.segments > 1)
        let count = try fixture.store.read { tx in try tx.count() }
        #expect(count == 48)
        try SpaceAudit.run(fixture.store)
    }

    @Test("Stores that threads open and close side by side share the process's tables of mappings")
    func openings() throws {
        inThreads(4) { number in
            for round in 0..<8 {
                let fixture = try StoreFixture { $0.initialBytes = 8 << 20 }
                try put(fixture.store, commit: number, keys: 8)
                try fixture.store.close()
                if round % 2 == 0 { try fixture.reopen() }
            }
        }
    }

    @Test("A run that looks for races reserves few addresses, other runs many")
    func reservation() throws {
        let range = try Mapping.reserve()
        defer { range.release() }
        #expect((range.byteCount <= 16 << 30) == (cpm_is_thread_sanitized() != 0))
    }

    @Test("Threads and tasks share the line of writers, and none is lost")
    func threadsAndTasks() async throws {
        let fixture = try StoreFixture()
        let store = fixture.store
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<4 {
                group.addTask {
                    for round in 0..<20 {
                        try await store.write { tx in try tx.put("task", forKey: "\(task) \(round)") }
                    }
                }
            }
            group.addTask {
                inThreads(2) { number in
                    for round in 0..<20 {
                        try store.write { tx in try tx.put("thread", forKey: "thread \(number) \(round)") }
                    }
                }
            }
            try await group.waitForAll()
        }
        let count = try await store.read { tx in try tx.count() }
        #expect(count == 120)
    }

    @Test("Readers that come while the store is closed are let in or refused, and the store closes")
    func closing() throws {
        for _ in 0..<10 {
            let fixture = try StoreFixture()
            let store = fixture.store
            try store.write { tx in try tx.put("value", forKey: "key") }
            inThreads(3) { number in
                do {
                    if number == 0 { return try store.close() }
                    for _ in 0..<20 { _ = try store.read { tx in try tx.get("key") } }
                } catch StoreError.transaction(.closed) {}
            }
        }
    }
}
