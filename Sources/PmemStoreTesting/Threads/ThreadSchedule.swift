internal import Glibc
internal import PmemStore

/// Which thread runs when. Its description stands in tokens.
package enum SchedulePlan: Sendable, Equatable, CustomStringConvertible {
    /// A thread runs until it waits or ends, but for these moments, at which another one takes over.
    case preemptions([Preemption])
    /// Probabilistic concurrency testing: of random priorities the highest runs; at `changes` random moments of the
    /// first `length` whoever runs becomes the lowest.
    case priorities(seed: UInt64, changes: Int, length: Int)

    package struct Preemption: Sendable, Equatable {
        package let moment: Int
        package let thread: Int
    }

    package var description: String {
        switch self {
        case .preemptions(let all):
            "p" + all.map { "\($0.moment).\($0.thread)" }.joined(separator: "+")
        case .priorities(let seed, let changes, let length): "r\(seed).\(changes).\(length)"
        }
    }

    /// No run has so many: what a slip of the pen asks for takes all memory.
    private static let mostMoments: UInt64 = 1_000_000

    /// As `description` writes it.
    package init?(_ text: String) {
        guard let kind = text.first else { return nil }
        let parts = text.dropFirst().split(separator: "+").map {
            $0.split(separator: ".").map { UInt64($0) }
        }
        guard parts.allSatisfy({ !$0.contains(nil) }) else { return nil }
        let numbers = parts.map { $0.compactMap(\.self) }
        if kind == "p", numbers.allSatisfy({ $0.count == 2 && $0.allSatisfy { $0 <= Self.mostMoments } }) {
            self = .preemptions(numbers.map { Preemption(moment: Int($0[0]), thread: Int($0[1])) })
        } else if kind == "r", numbers.count == 1, numbers[0].count == 3,
            numbers[0][1] <= Self.mostMoments, (1...Self.mostMoments).contains(numbers[0][2])
        {
            self = .priorities(
                seed: numbers[0][0], changes: Int(numbers[0][1]), length: Int(numbers[0][2]))
        } else {
            return nil
        }
    }
}

/// Real threads of which one runs at a time. It hands the turn over where the plan says so, at moments that the bodies
/// announce, and where it would have to wait for another one.
@safe package final class ThreadSchedule: @unchecked Sendable {
    /// One that a test has begun.
    @safe fileprivate final class Worker {
        enum State {
            case ready
            case waiting(() -> Bool)
            case ended
        }

        unowned let schedule: ThreadSchedule
        let number: Int
        var state = State.ready
        private let turn: UnsafeMutablePointer<sem_t>

        init(_ schedule: ThreadSchedule, _ number: Int) {
            self.schedule = schedule
            self.number = number
            unsafe turn = .allocate(capacity: 1)
            unsafe sem_init(turn, 0, 0)
        }

        deinit {
            unsafe sem_destroy(turn)
            unsafe turn.deallocate()
        }

        func go() { unsafe sem_post(turn) }

        func awaitTurn() { while unsafe sem_wait(turn) != 0 {} }

        var canRun: Bool {
            switch state {
            case .ready: true
            case .waiting(let isReady): isReady()
            case .ended: false
            }
        }
    }

    /// What a worker's thread does. Only whoever has the turn touches it.
    private struct Duty: @unchecked Sendable {
        let worker: Worker
        let end: Worker
        let body: () -> Void

        func run() {
            ThreadSlot.set(worker)
            worker.awaitTurn()
            body()
            worker.state = .ended
            worker.schedule.handOn(from: worker, end: end)
        }
    }

    /// Who ran at a moment, and who could have.
    package struct Choice: Sendable {
        package let running: Int
        package let able: [Int]
    }

    let plan: SchedulePlan
    private var workers: [Worker] = []
    private var priorities: [Int] = []
    private var changes: [Int] = []
    /// Moments so far, and for each the threads that could have run.
    package private(set) var moment = 0
    package private(set) var choices: [Choice] = []
    /// Called before a moment's choice is made, by the thread that runs.
    package var onMoment: ((Int) -> Void)?

    package init(_ plan: SchedulePlan) { self.plan = plan }

    /// Runs all bodies to their ends.
    package func run(_ bodies: [() -> Void]) {
        ThreadSlot.install()
        workers = bodies.indices.map { Worker(self, $0) }
        prepare(bodies.count)
        let end = Worker(self, -1)
        let threads = zip(workers, bodies).map { worker, body in
            let duty = Duty(worker: worker, end: end, body: body)
            return NamedThread(name: "scheduled-\(worker.number)") { duty.run() }
        }
        precondition(threads.allSatisfy(\.isRunning), "no thread to be had")
        next(after: nil)?.go()
        end.awaitTurn()
        for thread in threads { thread.join() }
    }

    private func prepare(_ count: Int) {
        guard case .priorities(let seed, let changeCount, let length) = plan else { return }
        var random = SeededGenerator(seed: seed)
        priorities = (0..<count).map { $0 + changeCount }.shuffled(using: &random)
        changes = (0..<changeCount).map { _ in Int.random(in: 0..<length, using: &random) }
    }

    // MARK: Turns

    /// A moment at which another thread may take over. On a thread of this schedule; elsewhere nothing.
    package static func yield() {
        guard let worker = ThreadSlot.current else { return }
        worker.schedule.yield(worker)
    }

    private func yield(_ worker: Worker) {
        onMoment?(moment)
        let able = workers.filter(\.canRun).map(\.number)
        choices.append(Choice(running: worker.number, able: able))
        var next = worker.number
        switch plan {
        case .preemptions(let all):
            if let told = all.first(where: { $0.moment == moment }), able.contains(told.thread) {
                next = told.thread
            }
        case .priorities:
            if let change = changes.firstIndex(of: moment) { priorities[worker.number] = change }
            next = able.max { priorities[$0] < priorities[$1] } ?? next
        }
        moment += 1
        if next != worker.number { change(from: worker, to: workers[next]) }
    }

    private func change(from worker: Worker, to next: Worker) {
        next.go()
        worker.awaitTurn()
    }

    fileprivate func wait(_ worker: Worker, until isReady: () -> Bool) {
        if isReady() { return }
        withoutActuallyEscaping(isReady) { isReady in
            worker.state = .waiting(isReady)
            guard let next = next(after: worker) else {
                fatalError("all threads wait for one another: schedule \(plan), moment \(moment)")
            }
            if next !== worker { change(from: worker, to: next) }
            worker.state = .ready
        }
    }

    /// Who runs when nobody is told to: the same as far as possible.
    private func next(after worker: Worker?) -> Worker? {
        let able = workers.filter(\.canRun)
        if case .priorities = plan {
            return able.max { priorities[$0.number] < priorities[$1.number] }
        }
        return able.first
    }

    fileprivate func handOn(from worker: Worker, end: Worker) {
        if let next = next(after: worker) { return next.go() }
        let isOver = workers.allSatisfy { if case .ended = $0.state { true } else { false } }
        precondition(isOver, "all threads wait for one another: schedule \(plan), moment \(moment)")
        end.go()
    }
}

/// Which worker the calling thread is.
private enum ThreadSlot {
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        unsafe pthread_key_create(&key, nil)
        return key
    }()

    private struct Taker: TurnTaking {
        func wait(until isReady: () -> Bool) -> Bool {
            guard let worker = ThreadSlot.current else { return false }
            worker.schedule.wait(worker, until: isReady)
            return true
        }
    }

    private static let taker: Void = { ThreadTurns.install(Taker()) }()

    static func install() { _ = taker }

    static func set(_ worker: ThreadSchedule.Worker) {
        unsafe pthread_setspecific(key, Unmanaged.passUnretained(worker).toOpaque())
    }

    static var current: ThreadSchedule.Worker? {
        guard let place = unsafe pthread_getspecific(key) else { return nil }
        return unsafe Unmanaged<ThreadSchedule.Worker>.fromOpaque(place).takeUnretainedValue()
    }
}
