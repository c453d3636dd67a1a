internal import ArgumentParser
internal import Glibc
internal import PmemStore
internal import PmemStoreTesting

/// Runs the lab with one source mutant on, in a child process: a mutant may end it, or never come to an end.
struct MutantCourt {
    struct Sentence {
        /// A rung of the lab, or `trap`; nil: nothing has noticed it.
        let killer: String?
        /// It came to no end within the limit. Not every exploration that is long is one that hangs, so this is no kill.
        let isUnfinished: Bool
        let detail: String
        /// Of processor time: others may be at work on the machine.
        let milliseconds: Int
    }

    let campaign: MutationCampaign
    /// Seconds of processor time.
    let limit: UInt32

    /// - Parameters:
    ///   - numbers: Of the mutant, or of two at the same time; none: the engine itself.
    ///   - isNeedless: They do nothing wrong, only too much: budgets are asked first.
    func judge(_ numbers: [Int], isNeedless: Bool = false) throws -> Sentence {
        let begun = Clock.children
        let child = try ForkedChild(limit: limit) { try deliberate(numbers, isNeedless) }
        let (said, status) = child.wait()
        let milliseconds = Int((Clock.children - begun) * 1000)
        let parts = said.split(separator: "\t", maxSplits: 1).map(String.init)
        if status == 0, let killer = parts.first {
            return Sentence(
                killer: killer == "none" ? nil : killer, isUnfinished: false,
                detail: parts.count > 1 ? parts[1] : "", milliseconds: milliseconds)
        }
        let signal = status & 0x7f
        guard signal != 0 else { throw ValidationError("mutants \(numbers): no verdict: \(said)") }
        return Sentence(
            killer: signal == SIGXCPU ? nil : "trap", isUnfinished: signal == SIGXCPU,
            detail: "signal \(signal)", milliseconds: milliseconds)
    }

    /// In the child: all scenarios, for what is wrong and then for what is needless; threads with one preemption; every
    /// shape of a step; a random workload.
    private func deliberate(_ numbers: [Int], _ isNeedless: Bool) throws -> String {
        try switchOn(numbers)
        for isCounted in isNeedless ? [true] : [false, true] {
            let outcome = campaign.outcome([], isCounted: isCounted)
            if let killer = outcome.killer { return "\(killer)\t\(outcome.detail)" }
        }
        do {
            for scenario in ThreadScenario.all {
                var plan = CrashPlan.flat
                plan.use = 64
                let search = try ScheduleSearch(scenario, plan: plan)
                if let failure = try search.exhaust(bound: 1, goesOn: { true }).first {
                    return "\(failure.rung)\t\(failure.text)"
                }
            }
            for workloads in Self.workloads {
                var plan = CrashPlan()
                plan.use = 4
                plan.nesting = 20
                let run = try workloads[0].makeRun(plan: plan, depth: 2)
                for workload in workloads {
                    try workload.run(on: run)
                    if let failure = run.failures.first { return "\(failure.rung)\t\(failure.text)" }
                }
            }
        } catch {
            return "live\t\(error)"
        }
        return "none"
    }

    /// Those of one start state and one model together; of the models other than lines, one start state.
    private static var workloads: [[CrashWorkload]] {
        let starts = OperationShapes.startNames.indices.map { ($0, MediumModel.lines) }
        let others = MediumModel.allCases.filter { $0 != .lines }.map { (1, $0) }
        let shapes = (starts + others).map { (start, model) in
            OperationShapes.names.indices.map {
                CrashWorkload.sequence(start: start, shapes: [$0], model: model)
            }
        }
        return shapes + [[.random(seed: 1, steps: 12, model: .lines)]]
    }

    private func switchOn(_ numbers: [Int]) throws {
        #if SOURCE_MUTANTS
            unsafe (SourceMutant.number, SourceMutant.second) = (
                numbers.first ?? 0, numbers.dropFirst().first ?? 0
            )
        #else
            throw ValidationError("there are no mutants in this build: make source-mutants")
        #endif
    }
}

/// A child process that says one line and ends.
struct ForkedChild {
    private let process: pid_t
    private let reading: Int32

    /// - Parameter limit: Seconds of processor time after which the child is ended.
    init(limit: UInt32, _ body: () throws -> String) throws {
        var ends: [Int32] = [0, 0]
        guard unsafe pipe(&ends) == 0 else { throw ValidationError("no pipe: \(errno)") }
        fflush(nil)
        process = Self.fork()
        guard process >= 0 else { throw ValidationError("no child process: \(errno)") }
        reading = ends[0]
        if process == 0 {
            close(ends[0])
            var seconds = rlimit(rlim_cur: rlim_t(limit), rlim_max: .max)
            unsafe setrlimit(__rlimit_resource_t(RLIMIT_CPU.rawValue), &seconds)
            let ending = Self.ending(body)
            let said = Array(ending.said.utf8)
            _ = unsafe write(ends[1], said, said.count)
            _exit(ending.status)
        }
        close(ends[1])
    }

    private static func ending(_ body: () throws -> String) -> (said: String, status: Int32) {
        do {
            return (try body(), 0)
        } catch {
            return ("\(error)", 1)
        }
    }

    /// The library's own declaration is kept from Swift, for good reasons; here is one thread.
    private static func fork() -> pid_t {
        let symbol = unsafe dlsym(nil, "fork")
        return unsafe unsafeBitCast(symbol, to: (@convention(c) () -> pid_t).self)()
    }

    /// What the child said, and how it ended.
    func wait() -> (said: String, status: Int32) {
        var said: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe read(reading, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { break }
            said += buffer[..<count]
        }
        close(reading)
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
        let line = String(decoding: said, as: UTF8.self).split(separator: "\n").joined(separator: " ")
        return (line, status)
    }
}
