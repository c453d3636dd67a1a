internal import CPmem
internal import Glibc
import Testing

@testable internal import PmemStore

/// What others can do to a store whose process was stopped, so that nobody answers them: the kernel waits for as long
/// as its setting says, and then lets them in.
@Suite(
    "Lease: the kernel's patience",
    .enabled(if: LeaseFixture.areAvailable && KernelPatience.canBeSet, "needs root and loop devices"))
struct KernelPatienceTests {
    @Test(
        "After the patience a file is cut under a store that is stopped: an error, never a signal",
        arguments: LeaseFixture.Ground.allCases)
    func cut(ground: LeaseFixture.Ground) async throws {
        let fixture = try LeaseFixture(ground) { $0.sealing = .never }
        try fixture.store.close()
        let turn = try await KernelPatience.turn()
        defer { withExtendedLifetime(turn) {} }
        await #expect(processExitsWith: .success) { [path = fixture.path as String] in
            try Self.beCut(path)
        }
        let error = #expect(throws: StoreError.self) { try fixture.reopen() }
        #expect(
            error
                == .open(
                    .truncated(path: fixture.segment, expectedBytes: 8 << 20, foundBytes: 6 << 20)))
    }

    private static func beCut(_ path: String) throws {
        let store = try LeaseFixture.open(path)
        let begun = cpm_monotonic_nanoseconds()
        KernelPatience.whileStopped(
            seconds: 1, "dd if=/dev/null of='\(path)/\(SegmentName.sealed(0))' bs=1M seek=6")
        // It has waited for as long as the kernel was told to.
        #expect(cpm_monotonic_nanoseconds() - begun > 800_000_000)
        var found: StoreError?
        let limit = cpm_monotonic_nanoseconds() + 10_000_000_000
        while found == nil, cpm_monotonic_nanoseconds() < limit {
            do {
                try store.write { tx in try tx.put("value", forKey: "key") }
            } catch {
                found = error as? StoreError
            }
        }
        guard case .commit(.poisoned(let reason)) = found else {
            Issue.record("\(String(describing: found))")
            return
        }
        #expect(reason.contains("was cut to 6291456 of 8388608 bytes") || reason.contains("SIGBUS"))
    }

    @Test(
        "Without an end to the patience nobody gets in before the store lets them",
        arguments: LeaseFixture.Ground.allCases)
    func endless(ground: LeaseFixture.Ground) async throws {
        let fixture = try LeaseFixture(ground) { $0.sealing = .never }
        try fixture.store.close()
        let turn = try await KernelPatience.turn()
        defer { withExtendedLifetime(turn) {} }
        await #expect(processExitsWith: .success) { [path = fixture.path as String] in
            try Self.letNobodyIn(path)
        }
        try fixture.reopen()
        #expect(try fixture.get("key") == "value")
    }

    private static func letNobodyIn(_ path: String) throws {
        let store = try LeaseFixture.open(path)
        let look = "head -c 1 '\(path)/\(SegmentName.sealed(0))'"
        // 124 and more is what timeout says when it had to end the command.
        #expect(KernelPatience.whileStopped(seconds: 0, "timeout 3 \(look); test $? -ge 124"))
        #expect(Shell.run("timeout 20 \(look)"))
        try store.write { tx in try tx.put("value", forKey: "key") }
        try store.verifyExtents()
        try store.close()
    }
}

/// How long the kernel waits for the holder of a lease before it takes it away: a setting of the whole machine.
enum KernelPatience {
    private static let setting = "/proc/sys/fs/lease-break-time"

    static var canBeSet: Bool { unsafe access(setting, W_OK) == 0 }

    /// Keeps others from changing the setting, tests of other processes included, until it is let go. Suspends instead
    /// of blocking: whoever has it may need this thread.
    static func turn() async throws -> OpenFile {
        let file = try OpenFile(setting, flags: O_RDONLY)
        while flock(file.descriptor, LOCK_EX | LOCK_NB) != 0 { try await Task.sleep(for: .milliseconds(50)) }
        return file
    }

    /// Runs a command while this process is stopped and the kernel's patience is so long. The shell puts everything
    /// back also when the command fails or the test is killed.
    @discardableResult
    static func whileStopped(seconds: Int, _ command: String) -> Bool {
        Shell.run(
            """
            before=$(cat \(setting))
            trap "echo $before > \(setting); kill -CONT \(getpid())" EXIT
            echo \(seconds) > \(setting)
            kill -STOP \(getpid())
            \(command)
            """)
    }
}
