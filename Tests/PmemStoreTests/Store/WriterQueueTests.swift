internal import Glibc
internal import StoreWorkloads
internal import Synchronization
import Testing

@testable internal import PmemStore

@Suite("Store: the line of writers")
struct WriterQueueTests {
    @Test("Writers in line are let in in the order in which they came")
    func order() throws {
        let fixture = try StoreFixture()
        let store = fixture.store
        let arrived = Mutex<[Int]>([])
        var threads: [WorkloadThread] = []
        try store.write { _ in
            for number in 0..<8 {
                let began = Atomic<Bool>(false)
                threads.append(
                    WorkloadThread {
                        began.store(true, ordering: .releasing)
                        _ = try? store.write { _ in arrived.withLock { $0.append(number) } }
                    })
                while !began.load(ordering: .acquiring) { sched_yield() }
                // In line when the gate's line has grown; there is no way to see that but to let it happen.
                while store.engine.gate.waitingCount <= number { sched_yield() }
            }
        }
        for thread in threads { thread.join() }
        #expect(arrived.withLock { $0 } == Array(0..<8))
    }

    @Test("Asynchronous writes and reads of many tasks each happen once")
    func tasks() async throws {
        let fixture = try StoreFixture()
        let store = fixture.store
        try await store.write { tx in try tx.put(UInt64(0), forKey: "sum") }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<16 {
                group.addTask {
                    for step in 0..<20 {
                        try await store.write { tx in
                            let sum = try #require(try tx.get("sum"))
                            let number = sum.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
                            try tx.put(number + 1, forKey: "sum")
                            try tx.put("v", forKey: "\(task) \(step)")
                        }
                        let count = try await store.read { tx in try tx.count() }
                        #expect(count >= step + 2)
                    }
                }
            }
            try await group.waitForAll()
        }
        let sum = try await store.read { tx in try tx.get("sum") }
        #expect(sum == [0, 0, 0, 0, 0, 0, 1, 64])
        #expect(try await store.read { tx in try tx.count() } == 321)
    }
}
