internal import Glibc
import Testing

@testable internal import PmemStore

/// Calls and allocations that fail on purpose, one after the other, at every point where there is one.
@Suite("Faults: failing calls")
struct SweepTests {
    /// An error, whether all later calls fail too, and how many points are left out between two.
    struct Fault: Sendable, CustomTestStringConvertible {
        let code: Int32
        var isLasting = false
        /// Memory that the store asks for itself, and no call.
        var isOfMemory = false
        var stride = 1
        var testDescription: String { "error \(code)\(isLasting ? ", lasting" : "")" }
    }

    /// All points with one error; with the others, which take the same ways, some of them.
    private static let faults = [
        Fault(code: EIO), Fault(code: EIO, isLasting: true, stride: 4), Fault(code: ENOSPC),
        Fault(code: ENOMEM, stride: 7), Fault(code: EINTR, stride: 4), Fault(code: EMFILE, stride: 7),
    ]

    /// A store whose process was killed, or whose power was cut, with its last commits in the log.
    private static func prepare(_ place: Place, powerCut: Bool = false) -> ScratchDirectory {
        let scratch = ScratchDirectory(place)
        let environment = powerCut ? ["PMEMSTORE_POWER_CUT=7"] : []
        let prepared = Probe.run(["prepare", scratch.path], environment: environment)
        #expect(prepared.signal == SIGKILL, "\(prepared.output)")
        return scratch
    }

    private static func run(_ scenario: String, _ fault: Fault, in scratch: ScratchDirectory) {
        let stride = TestPlan.scale > 1 ? 1 : fault.stride
        let kind = fault.isOfMemory ? "memory" : fault.isLasting ? "1" : "0"
        let end = Probe.run(["sweep", scenario, scratch.path, "\(fault.code)", kind, "\(stride)"])
        #expect(end.code == 0, "\(end.output) \(end.signal.map { "signal \($0)" } ?? "")")
        #expect(end.output.contains("points") && !end.output.contains(": 0 points"))
        print(end.output, terminator: "")
    }

    @Test("A call fails: a typed error, no leak, nothing lost", arguments: Self.scenarios, faults)
    func inMemory(scenario: String, fault: Fault) {
        Self.run(scenario, fault, in: Self.prepare(.volatileMemory))
    }

    @Test("So on an ordinary file system", arguments: Self.scenarios)
    func onDisk(scenario: String) {
        Self.run(
            scenario, Fault(code: EIO, isLasting: true, stride: 7), in: Self.prepare(.ordinaryFileSystem))
    }

    /// On an ordinary file system a fence is a call, `msync`.
    @Test(
        "Whoever asks for a sync that fails hears of it",
        arguments: [
            ("create", .volatileMemory), ("commit", .ordinaryFileSystem), ("checkpoint", .ordinaryFileSystem),
        ] as [(String, Place)])
    func syncs(scenario: String, place: Place) {
        Self.run(scenario, Fault(code: EIO), in: Self.prepare(place))
    }

    @Test(
        "So while a store is opened whose power was cut",
        arguments: [Fault(code: EIO), Fault(code: EIO, isLasting: true, stride: 4)])
    func powerCut(fault: Fault) {
        Self.run("open", fault, in: Self.prepare(.volatileMemory, powerCut: true))
    }

    @Test("So where address space that an opening claims cannot be had")
    func claims() {
        Self.run("reopen", Fault(code: ENOMEM, isOfMemory: true), in: Self.prepare(.volatileMemory))
    }

    private static let scenarios = [
        "create", "open", "commit", "checkpoint", "grow", "close", "shrink", "backup",
    ]

    /// At one call in so many; at every one with `PMEMSTORE_SCALE`.
    @Test(
        "The process is killed before a call: nothing acknowledged is lost, and the store goes on",
        arguments: zip(scenarios, [6, 6, 1, 1, 4, 1, 1, 6]))
    func killed(scenario: String, stride: Int) throws {
        let scratch = Self.prepare(.volatileMemory)
        var (kills, ends) = (0, 0)
        var call = 1
        while ends < 3 {
            let end = Probe.run(["killed", scenario, scratch.path, "\(call)"])
            let numbers = end.output.split(separator: "\n").compactMap { Int($0) }
            let acknowledged = try #require(numbers.last, "\(end.output)")
            #expect(end.signal == SIGKILL || end.code == 3, "call \(call): \(end)")
            let judged = Probe.run(["judged", scenario, scratch.path, "\(acknowledged)"])
            #expect(judged.code == 0, "killed before call \(call) of \(scenario): \(judged.output)")
            if end.code == 3 { ends += 1 } else { kills += 1 }
            call += TestPlan.scale > 1 ? 1 : stride
        }
        #expect(kills > 0)
        print("\(scenario), killed: \(kills) points")
    }

    /// The language ends a process that has no memory; the store must not mind.
    @Test("An allocation fails: a typed error or the process's end, and nothing acknowledged is lost")
    func allocations() throws {
        let scratch = ScratchDirectory(.volatileMemory)
        #expect(Probe.run(["prepare", scratch.path]).signal == SIGKILL)
        var next = 1
        var ended = (typed: 0, died: 0)
        while true {
            let end = Probe.run(["allocate", scratch.path, "\(next)"])
            if end.code == 3 { break }
            try #require(end.code != 1, "allocation \(next): \(end.output)")
            if end.code == 0 { ended.typed += 1 } else { ended.died += 1 }
            let judged = Probe.run(["judge", scratch.path])
            let found = Int(judged.output.split(separator: "\n").first ?? "") ?? -1
            let acknowledged = Self.acknowledged(scratch.path)
            #expect(
                found >= acknowledged && found <= acknowledged + 1, "allocation \(next): \(judged.output)")
            next += max(1, next / 6)
        }
        #expect(ended.died > 0 && next > 20)
        print("allocations: \(ended.typed) typed errors or none, \(ended.died) ends, of \(next)")
    }

    private static func acknowledged(_ directory: String) -> Int {
        let text = String(decoding: bytes(of: directory + "/acknowledged"), as: UTF8.self)
        return text.split(separator: "\n").last.flatMap { Int($0) } ?? 40
    }
}
