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
        Files.removeDirectory(store)
        if scenario.hasStore { try Files.copyDirectory(template, to: store) }
        var acknowledged: UInt64 = scenario.hasStore ? 40 : 0
        var problem: String?
        do {
            let open = scenario.opensFirst ? try Store.open(store, options: SweepScenario.options) : nil
            cfaults_arm(n, code, isLasting ? 1 : 0)
            try scenario.body(open, store, &acknowledged)
        } catch is StoreError {
        } catch {
            problem = "threw \(error), which is no StoreError"
        }
        // A store that was not closed has gone with `open`, while calls still failed.
        cfaults_disarm()
        let call = unsafe cfaults_failed().map { unsafe String(cString: $0) }
        return (call, problem ?? judge(acknowledged))
    }

    /// What is there must be what was acknowledged, or the one transaction more that was at work.
    private func judge(_ acknowledged: UInt64) -> String? {
        do {
            let store = try Store.open(store, options: SweepScenario.options)
            let found = try SweepScenario.verify(store)
            guard found == acknowledged || found == acknowledged + 1 else {
                return "\(acknowledged) acknowledged, \(found) found"
            }
            var next = found
            try SweepScenario.put(5000, in: store, &next)
            try store.close()
            let known: Set = ["template", "store"]
            let debris = try Files.names(directory).filter { !known.contains($0) } + hiddenFiles()
            return debris.isEmpty ? nil : "left behind: \(debris)"
        } catch {
            return "afterwards: \(error)"
        }
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
