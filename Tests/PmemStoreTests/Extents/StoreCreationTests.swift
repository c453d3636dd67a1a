internal import CPmem
internal import Glibc
import Testing

@testable internal import PmemStore

@Suite("Extents: creation")
struct StoreCreationTests {
    @Test(
        "A created store holds its segment, its lock file and what initialize wrote",
        arguments: Place.allCases)
    func create(place: Place) throws {
        let scratch = ScratchDirectory(place)
        try SegmentDirectory.create(
            path: scratch.store + "//", identifier: Fixture.identifier, byteCount: (4 << 20) - 1, logBytes: 1
        ) { (descriptor, layout) throws(StoreError) in
            let byte: [UInt8] = [42]
            _ = unsafe pwrite(descriptor, byte, 1, off_t(SegmentLayout.superblockOffset(slot: 0)))
            #expect(layout.byteCount == 4 << 20)
            #expect(layout.logBytes == 4096)
        }
        #expect(Set(contents(of: scratch.store).keys) == ["segment-000000.pmem", "lock"])
        #expect(Set(contents(of: scratch.path).keys) == ["store"])
        let segment = bytes(of: Fixture.segment(0, of: scratch.store))
        #expect(segment.count == 4 << 20)
        #expect(segment[4096] == 42)
        #expect(segment[4097...].allSatisfy { $0 == 0 })
    }

    @Test("A failing initialize leaves nothing behind", arguments: Place.allCases)
    func failingInitialize(place: Place) {
        let scratch = ScratchDirectory(place)
        let failure = StoreError.open(.invalidOption(name: "x", reason: "y"))
        #expect(throws: failure) {
            try SegmentDirectory.create(
                path: scratch.store, identifier: (1, 2), byteCount: 4 << 20, logBytes: 4096
            ) { (_, _) throws(StoreError) in throw failure }
        }
        #expect(contents(of: scratch.path).isEmpty)
    }

    @Test("Whatever is at the path stays", arguments: ["mkdir", "touch", "ln -s nowhere"])
    func occupied(command: String) {
        let scratch = ScratchDirectory(.volatileMemory)
        #expect(Shell.run("\(command) '\(scratch.store)'"))
        #expect(throws: StoreError.open(.exists(path: scratch.store))) { try Fixture.create(scratch.store) }
        #expect(contents(of: scratch.path).count == 1)
    }

    @Test(
        "Sizes that cannot be are refused",
        arguments: [(2 << 20, 4096), (4 << 20, 0), (4 << 20, 4 << 20), (0, 4096)])
    func impossibleSizes(byteCount: UInt64, logBytes: UInt64) {
        let scratch = ScratchDirectory(.volatileMemory)
        let error = #expect(throws: StoreError.self) {
            try SegmentDirectory.create(
                path: scratch.store, identifier: (1, 2), byteCount: byteCount, logBytes: logBytes
            ) { (_, _) throws(StoreError) in }
        }
        guard case .open(.invalidOption) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(contents(of: scratch.path).isEmpty)
    }

    @Test("Of many creators at one path one wins; the others see its store")
    func race() async throws {
        let scratch = ScratchDirectory(.volatileMemory)
        let outcomes = await withTaskGroup(of: StoreError?.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    do {
                        try Fixture.create(scratch.store)
                        return nil
                    } catch {
                        return error as? StoreError
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.count { $0 == nil } == 1)
        #expect(outcomes.count { $0 == .open(.exists(path: scratch.store)) } == 7)
        #expect(Set(contents(of: scratch.path).keys) == ["store"])
        try Fixture.open(scratch.store).close()
    }

    @Test("What a killed creation left is removed by the next one, and foreign files stay")
    func debris() throws {
        let scratch = ScratchDirectory(.volatileMemory)
        let dead = scratch.store + ".creating-99999999.0"
        let foreign = scratch.store + ".creating-99999999.1"
        #expect(
            Shell.run(
                "mkdir '\(dead)' '\(foreign)' && touch '\(dead)/.segment-000000.building' '\(foreign)/mine'"))
        try Fixture.create(scratch.store)
        #expect(Set(contents(of: scratch.path).keys) == ["store", "store.creating-99999999.1"])
        #expect(contents(of: foreign).keys.contains("mine"))
    }

    @Test("A volatile medium is named before anything is created")
    func checkMedium() throws {
        let scratch = ScratchDirectory(.volatileMemory)
        let durable = ScratchDirectory(.ordinaryFileSystem)
        try SegmentDirectory.checkMedium(at: scratch.store, options: Fixture.options)
        try SegmentDirectory.checkMedium(
            at: durable.store, options: StoreOptions())
        let error = #expect(throws: StoreError.self) {
            try SegmentDirectory.checkMedium(at: scratch.store, options: StoreOptions())
        }
        guard case .open(.volatileMedium(_, let reason)) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("acceptsVolatileMedium"))
    }
}
