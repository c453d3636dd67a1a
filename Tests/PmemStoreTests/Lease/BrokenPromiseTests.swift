internal import CPmem
internal import Glibc
import Testing

@testable internal import PmemStore

/// What happens when somebody changes the files all the same: a typed stop, nothing acknowledged afterwards, intact
/// data still readable.
@Suite("Lease: broken promises", .enabled(if: LeaseFixture.areAvailable, "\(LoopMount.requirement)"))
struct BrokenPromiseTests {
    private func expectPoisoned(_ fixture: LeaseFixture, containing text: String) {
        let error = #expect(throws: StoreError.self) { try fixture.commit() }
        guard case .commit(.poisoned(let reason)) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains(text), "\(reason)")
        #expect(throws: StoreError.self) { try fixture.store.checkpoint() }
    }

    @Test(
        "Truncation by path stops the store before the next commit", arguments: LeaseFixture.Ground.allCases)
    func truncated(ground: LeaseFixture.Ground) throws {
        let fixture = try LeaseFixture(ground)
        #expect(fixture.waitForLease())
        #expect(unsafe truncate(fixture.segment, 6 << 20) == 0)
        expectPoisoned(fixture, containing: "was cut to 6291456 of 8388608 bytes")
        #expect(try fixture.isComplete())
        try fixture.store.close()
        let error = #expect(throws: StoreError.self) { try fixture.reopen() }
        #expect(
            error
                == .open(
                    .truncated(path: fixture.segment, expectedBytes: 8 << 20, foundBytes: 6 << 20)))
    }

    @Test(
        "Truncation through a descriptor from before is an error, never a signal", arguments: Place.allCases)
    func truncatedUnannounced(place: Place) throws {
        let fixture = try LeaseFixture(place == .volatileMemory ? .tmpfs : .ext4)
        try fixture.store.close()
        let file = try OpenFile(fixture.segment, flags: O_RDWR)
        try fixture.reopen()
        #expect(try fixture.isComplete())
        #expect(ftruncate(file.descriptor, 0) == 0)
        // Everything is gone: reads and commits end with errors, whoever comes first.
        let read = #expect(throws: StoreError.self) { _ = try fixture.isComplete() }
        guard case .corrupted = read else {
            Issue.record("\(String(describing: read))")
            return
        }
        #expect(throws: StoreError.self) { try fixture.commit() }
        #expect(throws: StoreError.self) { try fixture.commit() }
    }

    @Test("A store to a page that is not there any more is an error", arguments: Place.allCases)
    func storeBehindTheEnd(place: Place) throws {
        let fixture = try LeaseFixture(place == .volatileMemory ? .tmpfs : .ext4) {
            $0.visitorPatienceNanoseconds = 0
        }
        try fixture.store.close()
        let file = try OpenFile(fixture.segment, flags: O_RDWR)
        try fixture.reopen()
        // The log is in what goes, the header is not.
        #expect(ftruncate(file.descriptor, 16384) == 0)
        let error = #expect(throws: StoreError.self) { try fixture.commit() }
        guard case .commit(.poisoned) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test(
        "Punched holes are found by a look, and what is intact stays readable",
        arguments: LeaseFixture.Ground.withBlocks)
    func punched(ground: LeaseFixture.Ground) throws {
        let fixture = try LeaseFixture(ground)
        try fixture.store.close()
        let file = try OpenFile(fixture.segment, flags: O_RDWR)
        try fixture.reopen()
        #expect(cpm_punch_hole(file.descriptor, 6 << 20, 1 << 20) == 0)
        #expect(throws: StoreError.self) { try fixture.store.verifyExtents() }
        expectPoisoned(fixture, containing: "instead of")
        #expect(try fixture.isComplete())
        try fixture.store.close()
        let error = #expect(throws: StoreError.self) { try fixture.reopen() }
        guard case .open(.extentsChanged(_, let reason)) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("byte 6291456 is in a hole"))
    }

    @Test("A SIGBUS elsewhere ends the process as it would without a store")
    func otherBusError() async throws {
        let scratch = ScratchDirectory(.volatileMemory)
        await #expect(processExitsWith: .signal(SIGBUS)) { [path = scratch.path as String] in
            signal(SIGBUS, SIG_DFL)
            let store = try Self.open(path)
            try Self.raiseBusError(path)
            try store.close()
        }
    }

    @Test("A SIGBUS elsewhere reaches the handler that was there before")
    func previousHandler() async throws {
        let scratch = ScratchDirectory(.volatileMemory)
        await #expect(processExitsWith: .exitCode(7)) { [path = scratch.path as String] in
            signal(SIGBUS) { _ in _exit(7) }
            let store = try Self.open(path)
            try Self.raiseBusError(path)
            try store.close()
        }
    }

    @Test("Without the guard, a SIGBUS in the mapping ends the process")
    func unguarded() async throws {
        let scratch = ScratchDirectory(.volatileMemory)
        await #expect(processExitsWith: .signal(SIGBUS)) { [path = scratch.path as String] in
            signal(SIGBUS, SIG_DFL)
            let store = try Self.open(path) { $0.catchesBusErrors = false }
            try store.write { tx in try tx.put("a", forKey: "a") }
            guard unsafe truncate(path + "/store/" + SegmentName.sealed(0), 16384) == 0 else { return }
            _ = try? store.read { tx in try tx.get("a") }
        }
    }

    private static func open(_ path: String, _ change: (inout StoreOptions) -> Void = { _ in }) throws
        -> Store
    {
        var options = StoreOptions()
        options.acceptsVolatileMedium = true
        options.initialBytes = 8 << 20
        options.logBytes = 1 << 20
        change(&options)
        return try Store.open(path + "/store", options: options)
    }

    /// Reads a mapped page behind the end of its file.
    private static func raiseBusError(_ path: String) throws {
        let file = try OpenFile(path + "/empty", flags: O_RDWR | O_CREAT, mode: 0o600)
        let page = unsafe mmap(nil, 4096, PROT_READ, MAP_SHARED, file.descriptor, 0)
        guard let page = unsafe page, unsafe page != MAP_FAILED else { return }
        _ = unsafe cpm_load8(page)
    }
}
