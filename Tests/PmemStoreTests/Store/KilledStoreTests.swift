internal import CPmem
internal import Glibc
internal import PmemStoreTesting
internal import StoreWorkloads
import Testing

@testable internal import PmemStore

/// A process that commits, and notes what was acknowledged, is killed at a random moment.
@Suite("Store: killed processes")
struct KilledStoreTests {
    private static let rounds = 10

    @Test("Every acknowledged commit is there after a kill, and at most one more", arguments: Place.allCases)
    func kills(place: Place) async throws {
        let scratch = ScratchDirectory(place)
        let ledger = ScratchDirectory(.volatileMemory)
        let seed = TestPlan.seeds([41])[0]
        var random = SeededGenerator(seed: seed)
        var total: UInt64 = 0
        for round in 0..<(Self.rounds * TestPlan.scale) {
            let delay = UInt32.random(in: 1000...60_000, using: &random)
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [path = scratch.store as String, note = ledger.path as String, delay = delay as UInt32] in
                try Self.commitUntilKilled(path, note, microseconds: delay)
            }
            // What an earlier round has found is there, also when this one was killed before it noted anything.
            let acknowledged = max(Self.acknowledged(ledger.path), total)
            let found = try Self.verify(scratch.store)
            #expect(
                found == acknowledged || found == acknowledged + 1,
                "seed \(seed), round \(round): \(acknowledged) acknowledged, \(found) found")
            total = found
        }
        #expect(total > 0)
        print("kills on \(place): \(total) commits")
    }

    private static func commitUntilKilled(_ path: String, _ ledger: String, microseconds: UInt32) throws {
        let store = try Store.open(path, options: NumberedCommits.options)
        let file = try OpenFile(ledger + "/acknowledged", flags: O_RDWR | O_CREAT, mode: 0o600)
        let killer = WorkloadThread {
            var pause = timespec(tv_sec: 0, tv_nsec: Int(microseconds) * 1000)
            unsafe nanosleep(&pause, nil)
            kill(getpid(), SIGKILL)
        }
        defer { killer.join() }
        var next = try NumberedCommits.newest(store) + 1
        while true {
            try NumberedCommits.commit(next, to: store)
            let note = NumberedCommits.bytes(next)
            precondition(unsafe pwrite(file.descriptor, note, 8, 0) == 8, "no ledger")
            next += 1
        }
    }

    private static func acknowledged(_ ledger: String) -> UInt64 {
        NumberedCommits.number(PmemStoreTests.bytes(of: ledger + "/acknowledged"))
    }

    /// Opens the store, compares everything with what the transactions up to its counter have made of it.
    private static func verify(_ path: String) throws -> UInt64 {
        let store = try Store.open(path, options: NumberedCommits.options)
        let found = try NumberedCommits.verify(store)
        try store.close()
        return found
    }
}
