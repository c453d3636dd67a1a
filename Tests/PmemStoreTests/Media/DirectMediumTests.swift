internal import CPmem
internal import Glibc
internal import StoreWorkloads
import Testing

@testable internal import PmemStore

@Suite("Media: production medium")
struct DirectMediumTests {
    @Test(
        "Lines are counted as they are touched",
        arguments: [(0, 0, 0), (0, 1, 1), (0, 64, 1), (63, 1, 1), (63, 2, 2), (1, 64, 2), (64, 192, 3)]
            as [(UInt64, Int, UInt64)])
    func lines(offset: UInt64, byteCount: Int, expected: UInt64) {
        #expect(DirectMedium.lines(offset, byteCount) == expected)
    }

    @Test("Stores, copies and construction arrive and are counted exactly", arguments: Place.allCases)
    func counters(place: Place) throws {
        let scratch = ScratchDirectory(place)
        try Fixture.create(scratch.store)
        let directory = try Fixture.open(scratch.store)
        defer { directory.close() }
        let counted = CountedMedium(directory)
        let medium = counted.medium
        let place: UInt64 = 2 << 20

        medium.store8(place, 0x0102_0304_0506_0708)
        medium.flush(place, 8)
        unsafe medium.construct(place + 128, 100) {
            unsafe $0.copyBytes(from: [UInt8](repeating: 7, count: 100))
        }
        try medium.drain()
        try counted.write([UInt8](repeating: 9, count: 130), at: place + 4096)
        try medium.drain()

        #expect(medium.load8(place) == 0x0102_0304_0506_0708)
        #expect(counted.read(place + 128, 101) == [UInt8](repeating: 7, count: 100) + [0])
        #expect(counted.read(place + 4096, 130) == [UInt8](repeating: 9, count: 130))
        var expected = MediumCounters()
        expected.fences = 3
        expected.flushedLines = 3
        expected.nonTemporalBytes = 130
        expected.nonTemporalLines = 3
        expected.syncCalls = directory.persistence.domain == .page ? 2 : 0
        #expect(counted.counted == expected)
    }

    @Test("Elided fences are neither executed nor counted, on a volatile medium only")
    func elidedFences() throws {
        let scratch = ScratchDirectory(.volatileMemory)
        try Fixture.create(scratch.store)
        var options = Fixture.options
        options.elidesFencesOnVolatileMedium = true
        let directory = try SegmentDirectory.open(path: scratch.store, options: options)
        defer { directory.close() }
        let counted = CountedMedium(directory)
        try counted.write([1], at: 1 << 20)
        #expect(counted.counted.fences == 0)
        #expect(counted.counted.nonTemporalBytes == 1)
    }

    @Test("withCounters counts elsewhere")
    func withCounters() throws {
        let scratch = ScratchDirectory(.volatileMemory)
        try Fixture.create(scratch.store)
        let directory = try Fixture.open(scratch.store)
        defer { directory.close() }
        let first = CountedMedium(directory)
        let counters = UnsafeMutablePointer<MediumCounters>.allocate(capacity: 1)
        unsafe counters.initialize(to: MediumCounters())
        defer { unsafe counters.deallocate() }
        try unsafe first.medium.withCounters(counters).drain()
        #expect(first.counted.fences == 0)
        #expect(unsafe counters.pointee.fences == 1)
    }

    @Test("The medium is plain memory, so that copying it costs nothing")
    func triviality() {
        #expect(MemoryLayout<DirectMedium>.size <= 32)
        #expect(_isPOD(DirectMedium.self))
    }
}

@Suite("Media: pages to sync")
struct PendingPagesTests {
    private typealias Run = PendingPages.Run

    @Test("Runs that touch or overlap become one")
    func merging() {
        let runs = [Run(start: 8192, end: 12288), Run(start: 0, end: 4096), Run(start: 4096, end: 9000)]
        #expect(PendingPages.merged(runs) == [Run(start: 0, end: 12288)])
        let apart = [Run(start: 8192, end: 12288), Run(start: 0, end: 4096)]
        #expect(PendingPages.merged(apart) == apart.reversed())
        #expect(PendingPages.merged([]).isEmpty)
    }

    @Test("A drain syncs each contiguous range once, and nothing twice")
    func synchronize() throws {
        let mapping = try Mapping.reserve([1 << 30])
        let pages = PendingPages(path: "none", health: MappingHealth(path: "none"))
        pages.insert(4095, 2)
        pages.insert(100, 8)
        pages.insert(1 << 20, 4096)
        pages.insert(0, 0)
        #expect(try unsafe pages.synchronize(base: mapping.base) == 2)
        #expect(try unsafe pages.synchronize(base: mapping.base) == 0)
    }

    @Test("A drain speaks for its own thread")
    func threads() throws {
        let mapping = try Mapping.reserve([1 << 30])
        let pages = PendingPages(path: "none", health: MappingHealth(path: "none"))
        let other = WorkloadThread { pages.insert(0, 1) }
        pages.insert(1 << 20, 1)
        other.join()
        #expect(try unsafe pages.synchronize(base: mapping.base) == 1)
    }

    @Test("A large checkpoint keeps a short list")
    func manyRuns() throws {
        let mapping = try Mapping.reserve([1 << 30])
        let pages = PendingPages(path: "none", health: MappingHealth(path: "none"))
        for page in (0..<5000).reversed() { pages.insert(UInt64(page) * 4096, 1) }
        #expect(try unsafe pages.synchronize(base: mapping.base) == 1)
    }

    @Test("A failed msync is a typed error")
    func failure() throws {
        let mapping = try Mapping.reserve([1 << 30])
        let base = unsafe mapping.base
        mapping.release()
        let pages = PendingPages(path: "somewhere", health: MappingHealth(path: "somewhere"))
        pages.insert(0, 1)
        let expected = StoreError.commit(.system(call: "msync", path: "somewhere", code: ENOMEM))
        #expect(throws: expected) { _ = try unsafe pages.synchronize(base: base) }
    }
}
