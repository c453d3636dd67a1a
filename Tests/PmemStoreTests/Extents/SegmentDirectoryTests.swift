internal import CPmem
internal import Glibc
import Testing

@testable internal import PmemStore

@Suite("Extents: open store")
struct SegmentDirectoryTests {
    @Test("What was drained is there after reopening", arguments: Place.allCases)
    func roundTrip(place: Place) throws {
        let scratch = ScratchDirectory(place)
        try Fixture.create(scratch.store)
        let bytes: [UInt8] = (0..<200).map { $0 }
        do {
            let directory = try Fixture.open(scratch.store)
            defer { directory.close() }
            try CountedMedium(directory).write(bytes, at: 3_000_001)
        }
        let directory = try Fixture.open(scratch.store)
        defer { directory.close() }
        #expect(CountedMedium(directory).read(3_000_001, 200) == bytes)
        #expect(directory.identifier == Fixture.identifier)
        #expect(directory.byteCount == Fixture.byteCount)
        #expect(directory.addressBytes >= 64 << 30)
        #expect(unsafe UInt(bitPattern: directory.base) % (2 << 20) == 0)
        #expect(directory.movedSegments.isEmpty)
        try directory.verifyExtents()
    }

    @Test("The domain is found out and said")
    func domains() throws {
        let memory = ScratchDirectory(.volatileMemory)
        try Fixture.create(memory.store)
        let volatile = try Fixture.open(memory.store)
        defer { volatile.close() }
        #expect(volatile.persistence.domain == .volatile)
        #expect(!volatile.persistence.isDurable)
        #expect(volatile.persistence.fileSystem == "tmpfs")
        #expect(volatile.persistence.reason == "tmpfs forgets at a power cut")
    }

    @Test("An ordinary file system is the page domain unless it is forced to be volatile")
    func forcedDomain() throws {
        let scratch = ScratchDirectory(.ordinaryFileSystem)
        try Fixture.create(scratch.store)
        let durable = try Fixture.open(scratch.store)
        #expect(durable.persistence.isDurable)
        #expect(durable.persistence.domain == .page || durable.persistence.mapSync)
        durable.close()
        var options = StoreOptions()
        options.forcesVolatileDomain = true
        let forced = try SegmentDirectory.open(path: scratch.store, options: options)
        defer { forced.close() }
        #expect(forced.persistence.domain == .volatile)
        #expect(forced.persistence.reason.contains("forcesVolatileDomain"))
    }

    @Test("Closing twice is harmless; a closed store has no segments and does not grow")
    func close() throws {
        let scratch = ScratchDirectory(.volatileMemory)
        try Fixture.create(scratch.store)
        let directory = try Fixture.open(scratch.store)
        directory.close()
        directory.close()
        #expect(directory.segments.isEmpty)
        #expect(throws: StoreError.transaction(.closed)) { try directory.grow(byteCount: 4 << 20) }
        try Fixture.open(scratch.store).close()
    }

    @Test(
        "Growth maps segments behind the last, and they are there after reopening", arguments: Place.allCases)
    func growth(place: Place) throws {
        let scratch = ScratchDirectory(place)
        try Fixture.create(scratch.store)
        let directory = try Fixture.open(scratch.store)
        let second = try directory.grow(byteCount: 1)
        let third = try directory.grow(byteCount: (6 << 20) - 7)
        #expect((second.index, second.baseOffset, second.byteCount) == (1, 4 << 20, 4 << 20))
        #expect((third.index, third.baseOffset, third.byteCount) == (2, 8 << 20, 6 << 20))
        try CountedMedium(directory).write([1, 2, 3], at: (14 << 20) - 3)
        try CountedMedium(directory).write([7, 8, 9], at: (8 << 20) - 3)
        try directory.verifyExtents()
        let segments = directory.segments
        directory.close()

        let reopened = try Fixture.open(scratch.store)
        defer { reopened.close() }
        #expect(reopened.segments == segments)
        #expect(reopened.byteCount == 14 << 20)
        #expect(CountedMedium(reopened).read((8 << 20) - 3, 3) == [7, 8, 9])
    }

    @Test("Growth beyond the address range is refused without a trace")
    func growthLimit() throws {
        let scratch = ScratchDirectory(.volatileMemory)
        try Fixture.create(scratch.store)
        let directory = try Fixture.open(scratch.store)
        defer { directory.close() }
        for byteCount in [directory.addressBytes, UInt64.max] {
            let full = StoreError.commit(.full(quotaBytes: directory.addressBytes, neededBytes: byteCount))
            #expect(throws: full) { try directory.grow(byteCount: byteCount) }
        }
        #expect(Set(contents(of: scratch.store).keys) == ["segment-000000.pmem", "lock"])
    }

    @Test("What a killed growth left is removed when the store is opened")
    func debris() throws {
        let scratch = ScratchDirectory(.volatileMemory)
        try Fixture.create(scratch.store)
        overwrite(scratch.store + "/.segment-000001.building", at: 0, with: [1])
        let directory = try Fixture.open(scratch.store)
        #expect(Set(contents(of: scratch.store).keys).count == 2)
        #expect(try directory.grow(byteCount: 4 << 20).index == 1)
        directory.close()
    }

    @Test("The lease is had when nobody else has the files open", arguments: Place.allCases)
    func lease(place: Place) throws {
        let scratch = ScratchDirectory(place)
        try Fixture.create(scratch.store)
        let directory = try Fixture.open(scratch.store)
        _ = try directory.grow(byteCount: 4 << 20)
        #expect(directory.lease.level == .noticeBeforeChange)
        // Somebody else's opening is announced, does not end this process, and would wait if it were willing to.
        let intruder = Result { () throws(SystemFailure) in
            try OpenFile(Fixture.segment(1, of: scratch.store), flags: O_RDONLY | O_NONBLOCK)
        }
        #expect(throws: SystemFailure(call: "open", code: EAGAIN)) { _ = try intruder.get() }
        directory.close()
    }

    @Test("Without the lease the report says why", arguments: Place.allCases)
    func noLease(place: Place) throws {
        let scratch = ScratchDirectory(place)
        try Fixture.create(scratch.store)
        let reader = try OpenFile(Fixture.segment(0, of: scratch.store), flags: O_RDONLY)
        let directory = try Fixture.open(scratch.store)
        defer { directory.close() }
        #expect(directory.lease.level == (place == .volatileMemory ? .none : .detectOnly))
        #expect(directory.lease.reason.contains("somebody has it open"))
        withExtendedLifetime(reader) {}
    }

    @Test("A map that changed under the store is noticed", arguments: Place.allCases)
    func verifyExtents(place: Place) throws {
        let scratch = ScratchDirectory(place)
        try Fixture.create(scratch.store)
        // Open before the store is, so that no lease holds the change up.
        let intruder = try OpenFile(Fixture.segment(0, of: scratch.store), flags: O_RDWR)
        let directory = try Fixture.open(scratch.store)
        defer { directory.close() }
        try directory.verifyExtents()
        #expect(ftruncate(intruder.descriptor, 3 << 20) == 0)
        let error = #expect(throws: StoreError.self) { try directory.verifyExtents() }
        guard case .open(.extentsChanged) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}
