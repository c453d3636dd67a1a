internal import Glibc
import Testing

@testable internal import PmemStore

/// Real kills: what a process that is gone from one instruction to the next leaves behind.
@Suite("Extents: killed processes")
struct KilledProcessTests {
    @Test("A killed creation leaves no store, and the next one cleans up", arguments: Place.allCases)
    func creation(place: Place) async throws {
        let scratch = ScratchDirectory(place)
        let store = scratch.store
        await #expect(processExitsWith: .signal(SIGKILL)) { [store = store as String] in
            try SegmentDirectory.create(path: store, identifier: (1, 2), byteCount: 4 << 20, logBytes: 4096) {
                (_, _) throws(StoreError) in
                kill(getpid(), SIGKILL)
            }
        }
        #expect(contents(of: scratch.path).count == 1)
        #expect(Fixture.refusal(store) == .open(.missing(path: store)))
        try Fixture.create(store)
        #expect(Set(contents(of: scratch.path).keys) == ["store"])
        try Fixture.open(store).close()
    }

    @Test("A killed growth leaves the store as it was, and unlocked", arguments: Place.allCases)
    func growth(place: Place) async throws {
        let scratch = ScratchDirectory(place)
        let store = scratch.store
        try Fixture.create(store)
        await #expect(processExitsWith: .signal(SIGKILL)) { [store = store as String] in
            let directory = try Fixture.open(store)
            _ = try directory.grow(byteCount: 4 << 20)
            let manager = try PreallocationManager(
                directory: OpenFile(store, flags: O_RDONLY | O_DIRECTORY), stage: .running)
            let layout = try #require(
                SegmentLayout(index: 2, baseOffset: 8 << 20, byteCount: 4 << 20, logBytes: 0))
            _ = try manager.build(layout, identifier: StoreIdentifier(low: 1, high: 2)) {
                (_, _) throws(StoreError) in
                kill(getpid(), SIGKILL)
            }
        }
        #expect(contents(of: store).keys.contains(".segment-000002.building"))
        let directory = try Fixture.open(store)
        defer { directory.close() }
        #expect(directory.segments.count == 2)
        #expect(Set(contents(of: store).keys.filter { $0.hasPrefix(".") }).isEmpty)
    }
}
