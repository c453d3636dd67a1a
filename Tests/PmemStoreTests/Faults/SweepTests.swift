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
        var stride = 1
        var testDescription: String { "error \(code)\(isLasting ? ", lasting" : "")" }
    }

    /// All points with one error; with the others, which take the same ways, some of them.
    private static let faults = [
        Fault(code: EIO), Fault(code: EIO, isLasting: true, stride: 3), Fault(code: ENOSPC, stride: 3),
        Fault(code: ENOMEM, stride: 5), Fault(code: EINTR, stride: 3), Fault(code: EMFILE, stride: 5),
    ]

    private static func run(_ scenario: String, _ fault: Fault, _ place: Place) {
        let scratch = ScratchDirectory(place)
        let prepared = Probe.run(["prepare", scratch.path])
        #expect(prepared.signal == SIGKILL, "\(prepared.output)")
        let stride = TestPlan.scale > 1 ? 1 : fault.stride
        let arguments = [scenario, scratch.path, "\(fault.code)", fault.isLasting ? "1" : "0", "\(stride)"]
        let end = Probe.run(["sweep"] + arguments)
        #expect(end.code == 0, "\(end.output) \(end.signal.map { "signal \($0)" } ?? "")")
        #expect(end.output.contains("points") && !end.output.contains(": 0 points"))
        print(end.output, terminator: "")
    }

    @Test("A call fails: a typed error, no leak, nothing lost", arguments: Self.scenarios, faults)
    func inMemory(scenario: String, fault: Fault) { Self.run(scenario, fault, .volatileMemory) }

    @Test("So on an ordinary file system", arguments: Self.scenarios)
    func onDisk(scenario: String) {
        Self.run(scenario, Fault(code: EIO, isLasting: true, stride: 7), .ordinaryFileSystem)
    }

    private static let scenarios = ["create", "open", "commit", "checkpoint", "grow", "close"]

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
