internal import CPmem
internal import Glibc
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
            // A process that is killed before its first commit notes nothing: what the last round has found counts.
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

    private static var options: StoreOptions {
        var options = StoreOptions()
        options.acceptsVolatileMedium = true
        options.initialBytes = 10 << 20
        options.logBytes = 64 << 10
        return options
    }

    private static let counter = Array("counter".utf8)

    private static func bytes(_ number: UInt64) -> [UInt8] {
        unsafe withUnsafeBytes(of: number) { unsafe [UInt8]($0) }
    }

    private static func number(_ bytes: [UInt8]?) -> UInt64 {
        guard let bytes, bytes.count == 8 else { return 0 }
        return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// What transaction `number` does; the same in the process that is killed and in the one that verifies.
    private static func key(_ number: UInt64) -> [UInt8] { Array("key \(number % 997)".utf8) }
    private static func value(_ number: UInt64) -> [UInt8] {
        let count = number % 64 == 0 ? 40_000 : Int(number % 700)
        return bytes(number) + [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: count)
    }

    private static func commitUntilKilled(_ path: String, _ ledger: String, microseconds: UInt32) throws {
        let store = try Store.open(path, options: options)
        let file = try OpenFile(ledger + "/acknowledged", flags: O_RDWR | O_CREAT, mode: 0o600)
        let killer = Thread {
            var pause = timespec(tv_sec: 0, tv_nsec: Int(microseconds) * 1000)
            unsafe nanosleep(&pause, nil)
            kill(getpid(), SIGKILL)
        }
        defer { killer.join() }
        var next = try Self.number(store.read { tx in try tx.get(counter) }) + 1
        while true {
            try store.write { tx in
                if next % 5 == 0 { try tx.delete(key(next / 2)) }
                try tx.put(value(next), forKey: key(next))
                try tx.put(bytes(next), forKey: counter)
            }
            let note = bytes(next)
            precondition(unsafe pwrite(file.descriptor, note, 8, 0) == 8, "no ledger")
            next += 1
        }
    }

    private static func acknowledged(_ ledger: String) -> UInt64 {
        number(PmemStoreTests.bytes(of: ledger + "/acknowledged"))
    }

    /// Opens the store, compares everything with what the transactions up to its counter have made of it.
    private static func verify(_ path: String) throws -> UInt64 {
        let store = try Store.open(path, options: options)
        let found = try number(store.read { tx in try tx.get(counter) })
        var model: [[UInt8]: UInt64] = [:]
        for number in 1..<(found + 1) {
            if number % 5 == 0 { model[key(number / 2)] = nil }
            model[key(number)] = number
        }
        try store.read { tx in
            let count = try tx.count()
            #expect(count == model.count + (found > 0 ? 1 : 0))
            for (key, number) in model {
                let read = try tx.get(key)
                #expect(read == value(number))
            }
        }
        try store.close()
        return found
    }
}
