internal import Glibc
internal import StoreWorkloads
import Testing

@testable internal import PmemStore

/// Real threads and tasks at one gate: one at a time, and nobody is left behind.
@Suite("Writers' gate, concurrently")
struct WriterGateConcurrentTests {
    /// Changed by whoever is in the gate: ThreadSanitizer sees who is in beside another.
    private final class Guarded: @unchecked Sendable {
        var count = 0
        var isInside = false
        var clashes = 0

        func step() {
            if isInside { clashes += 1 }
            isInside = true
            count += 1
            isInside = false
        }
    }

    private static let steps = 20_000

    @Test(
        "Threads, the checkpointer and whoever stops all stores take turns, whatever their patience",
        arguments: [0, 100_000] as [UInt64])
    func threads(patience: UInt64) {
        let gate = WriterGate(patience: patience)
        let guarded = Guarded()
        let bodies: [@Sendable () -> Void] =
            [
                {
                    gate.enterForMaintenance()
                    guarded.step()
                    gate.leave()
                },
                {
                    gate.stopStores()
                    guarded.step()
                    gate.goOn()
                },
                {
                    gate.enter()
                    gate.lend()
                    gate.reclaim()
                    guarded.step()
                    gate.leave()
                },
            ]
            + Array(
                repeating: { @Sendable in
                    gate.enter()
                    guarded.step()
                    gate.leave()
                }, count: 3)
        let threads = bodies.map { body in WorkloadThread { for _ in 0..<Self.steps { body() } } }
        for thread in threads { thread.join() }
        #expect(guarded.count == bodies.count * Self.steps && guarded.clashes == 0)
        #expect(gate.waitingCount == 0 && !gate.isDemanded)
    }

    @Test("Tasks and threads take turns", arguments: [0, 100_000] as [UInt64])
    func tasks(patience: UInt64) async {
        let gate = WriterGate(patience: patience)
        let guarded = Guarded()
        let threads = (0..<2).map { _ in
            WorkloadThread {
                for _ in 0..<Self.steps {
                    gate.enter()
                    guarded.step()
                    gate.leave()
                }
            }
        }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<Self.steps {
                        await gate.enterAsync()
                        guarded.step()
                        gate.leave()
                    }
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(guarded.count == 6 * Self.steps && guarded.clashes == 0)
        #expect(gate.waitingCount == 0 && !gate.isDemanded)
    }

    @Test("One who is in line gets in, although two never stop coming")
    func nobodyStarves() {
        let gate = WriterGate()
        let guarded = Guarded()
        let rounds = 200
        let late = Locked(0)
        let never = (0..<2).map { _ in
            WorkloadThread {
                while late.withLock({ $0 }) < rounds {
                    for _ in 0..<100 {
                        gate.enter()
                        guarded.step()
                        gate.leave()
                    }
                }
            }
        }
        for _ in 0..<rounds {
            gate.enter()
            guarded.step()
            gate.leave()
            late.withLock { $0 += 1 }
        }
        for thread in never { thread.join() }
        #expect(guarded.clashes == 0 && gate.waitingCount == 0)
    }

    @Test("Who is in line when stores may go on is in before they are stopped again")
    func goesOn() {
        let gate = WriterGate()
        for _ in 0..<200 {
            gate.stopStores()
            let isIn = Locked(false)
            let thread = WorkloadThread {
                gate.enter()
                isIn.withLock { $0 = true }
                gate.leave()
            }
            while gate.waitingCount == 0 { sched_yield() }
            gate.goOn()
            gate.stopStores()
            #expect(isIn.withLock { $0 })
            gate.goOn()
            thread.join()
        }
    }

    @Test("Who stops stores of one who has lent the gate hears that it is wanted back")
    func lenderIsHeard() {
        let gate = WriterGate()
        let steps = Locked(0)
        let thread = WorkloadThread {
            gate.enter()
            gate.lend()
            steps.withLock { $0 = 1 }
            while steps.withLock({ $0 }) < 2 { sched_yield() }
            gate.reclaim()
            gate.leave()
        }
        while steps.withLock({ $0 }) < 1 { sched_yield() }
        gate.stopStores()
        steps.withLock { $0 = 2 }
        #expect(gate.isWanted(within: 60_000_000_000))
        gate.goOn()
        thread.join()
    }
}
