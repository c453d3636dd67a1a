internal import Glibc
internal import StoreWorkloads
import Testing

@testable internal import PmemStore

/// Threads that wait in `write` may be all that tasks have to run on. So a task that is next must not keep them out.
@Suite("Writers' gate: a task that does not run")
struct WriterGateTaskConcurrentTests {
    /// Runs a task when it is told to.
    private final class HeldExecutor: TaskExecutor {
        private let jobs = Locked<[UnownedJob]>([])

        var count: Int { jobs.withLock { $0.count } }

        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            jobs.withLock { $0.append(job) }
        }

        func run() {
            let ready = jobs.withLock { jobs in
                defer { jobs = [] }
                return jobs
            }
            for job in ready { unsafe job.runSynchronously(on: asUnownedTaskExecutor()) }
        }
    }

    private func await(_ condition: () -> Bool) {
        while !condition() { sched_yield() }
    }

    private func thread(at gate: WriterGate) -> WorkloadThread {
        WorkloadThread {
            gate.enter()
            gate.leave()
        }
    }

    /// - Parameter hasLooked: The task has been woken once before and has found the gate taken: it is handed to it.
    @Test("Threads behind it get in, and then it does", .timeLimit(.minutes(1)), arguments: [false, true])
    func doesNotRun(hasLooked: Bool) async {
        let gate = WriterGate()
        let executor = HeldExecutor()
        gate.enter()
        let task = Task(executorPreference: executor) {
            await gate.enterAsync()
            gate.leave()
        }
        self.await { executor.count > 0 }
        executor.run()
        #expect(gate.waitingCount == 1)
        if hasLooked {
            gate.leave()
            gate.enter()
            #expect(executor.count == 1, "it was told to look")
            executor.run()
            #expect(gate.isDemanded)
        }
        let threads = (0..<3).map { _ in thread(at: gate) }
        self.await { gate.waitingCount == 4 }
        gate.leave()
        for thread in threads { thread.join() }
        #expect(gate.waitingCount <= 1 && executor.count == 1)
        while executor.count > 0 { executor.run() }
        await task.value
        #expect(gate.waitingCount == 0 && !gate.isDemanded)
        gate.enter()
        gate.leave()
    }
}
