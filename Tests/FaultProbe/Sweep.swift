internal import CFaults
internal import Glibc
internal import PmemStore

/// Lets the first call of a scenario fail, then the second (or one in `STRIDE`), until none is left to fail.
///
/// After each: the error is a ``StoreError``, nothing is left open, mapped or allocated, nothing acknowledged is lost,
/// and the directory can be used.
struct Sweep {
    private let scenario: SweepScenario
    private let directory: String
    private let code: Int32
    private let isLasting: Bool
    /// Memory that the store asks for itself cannot be had; all calls succeed.
    private let failsClaims: Bool
    private let stride: UInt64
    private var failures: [String] = []
    private var points = 0

    /// - Parameter arguments: SCENARIO DIRECTORY ERRNO LASTING STRIDE
    init(_ arguments: [String]) {
        precondition(arguments.count == 5, "sweep SCENARIO DIRECTORY ERRNO LASTING STRIDE")
        guard let scenario = SweepScenario.all.first(where: { $0.name == arguments[0] }) else {
            preconditionFailure("no scenario \(arguments[0])")
        }
        self.scenario = scenario
        directory = arguments[1]
        code = Int32(arguments[2]) ?? EIO
        isLasting = arguments[3] == "1"
        failsClaims = arguments[3] == "memory"
        stride = UInt64(arguments[4]) ?? 1
    }

    private var template: String { directory + "/template" }
    private var store: String { directory + "/store" }

    mutating func run() throws -> Int32 {
        try attempt(0)  // nothing fails: what is made once per process is made now
        failures = []
        // Background threads make calls as well, so the number of calls is not the same each time.
        var misses = 0
        var next: UInt64 = 1
        while misses < 3, failures.count < 10 {
            let hasFailed = try attempt(next)
            misses = hasFailed ? 0 : misses + 1
            points += hasFailed ? 1 : 0
            next += stride
        }
        for failure in failures { print(failure) }
        print("\(scenario.name), error \(code), \(isLasting ? "lasting" : "once"): \(points) points")
        return failures.isEmpty ? 0 : 1
    }

    /// Makes the store that scenarios begin with, and dies with its last commits in the log.
    static func prepare(_ directory: String) throws {
        let store = try Store.open(directory + "/template", options: SweepScenario.options)
        var acknowledged: UInt64 = 0
        for number in 0..<30 { try SweepScenario.put(number * 37, in: store, &acknowledged) }
        try store.checkpoint()
        for number in 0..<10 { try SweepScenario.put(number * 101, in: store, &acknowledged) }
        kill(getpid(), SIGKILL)
    }

    // MARK: One point

    /// Lets call number `n` fail; true when there was one.
    @discardableResult
    private mutating func attempt(_ n: UInt64) throws -> Bool {
        let before = Resources.now()
        let (call, problem) = try disturb(n)
        var problems = problem.map { [$0] } ?? []
        let after = Resources.now()
        if after.descriptors != before.descriptors {
            problems.append("\(after.descriptors - before.descriptors) files left open")
        }
        if after.mappedBytes != before.mappedBytes {
            problems.append("\(after.mappedBytes - before.mappedBytes) bytes left mapped")
        }
        problems += try leaks(n, after.allocations - before.allocations)
        failures += problems.map { "\(scenario.name), call \(n) (\(call ?? "none")): \($0)" }
        return call != nil
    }

    /// Allocations that are there after each repetition are leaks; what is there after one may be a cache.
    private mutating func leaks(_ n: UInt64, _ first: Int64) throws -> [String] {
        var least = first
        for _ in 0..<6 where least > 0 {
            let before = Resources.now().allocations
            _ = try disturb(n)
            least = min(least, Resources.now().allocations - before)
        }
        return least > 0 ? ["\(least) allocations leaked"] : []
    }

    private func disturb(_ n: UInt64) throws -> (call: String?, problem: String?) {
        var acknowledged = try setUp()
        var (problem, isDone, wasHeard) = (String?.none, false, true)
        do {
            let open = scenario.opensFirst ? try Store.open(store, options: SweepScenario.options) : nil
            try open.map(scenario.prepare)
            if failsClaims {
                cfaults_arm_claims(n, isLasting ? 1 : 0)
            } else {
                cfaults_arm(n, code, isLasting ? 1 : 0)
            }
            let running = try scenario.body(open, store, &acknowledged)
            (isDone, wasHeard) = (true, !isFailureToBeHeard)
            try scenario.end(running, &acknowledged)
        } catch is StoreError {
        } catch {
            problem = "threw \(error), which is no StoreError"
        }
        // A store that was not closed has gone with `open`, while calls still failed.
        cfaults_disarm()
        let call = unsafe cfaults_failed().map { unsafe String(cString: $0) }
        if !wasHeard { problem = problem ?? "nobody was told of it" }
        return (call, problem ?? judge(acknowledged, isCopied: isDone))
    }

    /// A call has failed on this thread of which its caller must hear. What a thread in the background does in vain, it
    /// does again.
    private var isFailureToBeHeard: Bool {
        guard cfaults_failed_here() != 0, let call = unsafe cfaults_failed() else { return false }
        return unsafe scenario.mustBeHeard.contains(String(cString: call))
    }

    /// The number of transactions that are there.
    private func setUp() throws -> UInt64 {
        Files.removeDirectory(store)
        Files.removeDirectory(SweepScenario.copy(of: store))
        if scenario.hasStore { try Files.copyDirectory(template, to: store) }
        return scenario.hasStore ? 40 : 0
    }

    // MARK: Killed instead

    /// Runs the scenario up to its n-th call, which kills the process. Says what is acknowledged. 3: there is none.
    func runKilled(_ n: UInt64) throws -> Int32 {
        var acknowledged = try setUp()
        unsafe SweepScenario.onAcknowledge = {
            print($0); fflush(nil)
        }
        unsafe SweepScenario.onAcknowledge?(acknowledged)
        let open = scenario.opensFirst ? try Store.open(store, options: SweepScenario.options) : nil
        try open.map(scenario.prepare)
        cfaults_arm_kill(n)
        let running = try scenario.body(open, store, &acknowledged)
        try scenario.end(running, &acknowledged)
        return 3
    }

    /// Says what is wrong with what a killed scenario has left.
    func judgeKilled(_ acknowledged: UInt64) throws -> Int32 {
        guard let problem = judge(acknowledged, isCopied: false) else { return 0 }
        print(problem)
        return 1
    }

    /// What is there must be what was acknowledged, or the one transaction more that was at work.
    private func judge(_ acknowledged: UInt64, isCopied: Bool) -> String? {
        do {
            let store = try Store.open(store, options: SweepScenario.options)
            let found = try SweepScenario.verify(store)
            guard found == acknowledged || found == acknowledged + 1 else {
                return "\(acknowledged) acknowledged, \(found) found"
            }
            var next = found
            try SweepScenario.put(5000, in: store, &next)
            if scenario.copies, let problem = try judgeCopy(of: store, found, isThere: isCopied) {
                return problem
            }
            try store.close()
            let known: Set = ["template", "store", "store.copy"]
            let debris = try Files.names(directory).filter { !known.contains($0) } + hiddenFiles()
            return debris.isEmpty ? nil : "left behind: \(debris)"
        } catch {
            return "afterwards: \(error)"
        }
    }

    /// A copy is whole or not there; then it can be made.
    private func judgeCopy(of source: Store, _ transactions: UInt64, isThere: Bool) throws -> String? {
        let path = SweepScenario.copy(of: store)
        var status = stat()
        if unsafe lstat(path, &status) != 0 {
            if isThere { return "the copy is not there" }
            try source.backup(to: path, options: SweepScenario.options)
            return nil
        }
        let copy = try Store.open(path, options: SweepScenario.options)
        let found = try SweepScenario.verify(copy)
        try copy.close()
        return found == transactions ? nil : "\(found) of \(transactions) transactions are in the copy"
    }

    private func hiddenFiles() throws -> [String] { try Files.names(store).filter { $0.hasPrefix(".") } }
}

/// What a process holds.
struct Resources {
    let descriptors: Int
    let mappedBytes: Int64
    let allocations: Int64

    static func now() -> Resources {
        let descriptors = (try? Files.names("/proc/self/fd").count) ?? 0
        return Resources(
            descriptors: descriptors, mappedBytes: cfaults_mapped_bytes(), allocations: cfaults_allocations())
    }
}
