import Testing

@testable internal import PmemStore

@Suite("Store: shrinking")
struct ShrinkTests {
    private static let large = [UInt8](repeating: 5, count: 300_000)

    /// What is in use is not moved: the chunks of nodes and of small records have to lie in front.
    private func begin(_ store: Store) throws {
        try store.write { tx in try tx.put("kept", forKey: "small") }
        try store.checkpoint()
    }

    private func fill(_ store: Store) throws {
        for number in 0..<120 {
            try store.write { tx in try tx.put(Self.large, forKey: "large \(number)") }
        }
    }

    @Test("Free segments at the end go back, and the store grows again", arguments: Place.allCases)
    func shrinks(place: Place) throws {
        let fixture = try StoreFixture(place)
        try begin(fixture.store)
        let before = fixture.store.statistics
        try fill(fixture.store)
        let full = fixture.store.statistics
        #expect(full.segments > before.segments)
        try fixture.store.write { tx in
            for number in 0..<120 { try tx.delete("large \(number)") }
        }
        // A segment that was to be added ahead of need may have come behind that look.
        #expect(try fixture.store.shrink() > 0)
        let small = fixture.store.statistics
        #expect(small.segments < full.segments)
        #expect(small.fileBytes < full.fileBytes)
        let files = contents(of: fixture.scratch.store).keys.filter { $0.hasSuffix(".pmem") }
        #expect(files.count == small.segments)
        try fill(fixture.store)
        try fixture.reopenAsIfKilled()
        #expect(try fixture.store.read { tx in try tx.get("small") } == Array("kept".utf8))
        #expect(try fixture.store.read { tx in try tx.get("large 119") } == Self.large)
        try fixture.store.verifyExtents()
    }

    private func hasBitmap(_ index: Int, _ store: Store) -> Bool {
        let map = store.engine.writer.heap.map
        return unsafe map[index].pointee.busy != 0 || map.saved(index).pointee.live != 0
    }

    @Test("The bitmaps of what goes back go with it")
    func bitmaps() throws {
        let fixture = try StoreFixture()
        let store = fixture.store
        try begin(store)
        try store.write { tx in
            let table = try tx.createTable("ballast")
            let value = [UInt8](repeating: 6, count: 2000)
            for number in UInt32(0)..<12_000 { try tx.put(value, forKey: number, in: table) }
        }
        try store.checkpoint()
        let full = store.engine.writer.heap.chunkCount
        try store.write { tx in try tx.dropTable("ballast") }
        #expect(try store.shrink() > 0)
        let rest = store.engine.writer.heap.chunkCount
        #expect((0..<rest).contains { hasBitmap($0, store) })
        #expect(!(rest..<full).contains { hasBitmap($0, store) })
    }

    @Test("What a snapshot can see stays")
    func snapshot() throws {
        let fixture = try StoreFixture()
        try begin(fixture.store)
        try fill(fixture.store)
        do {
            let snapshot = try fixture.store.snapshot()
            try fixture.store.write { tx in
                for number in 0..<120 { try tx.delete("large \(number)") }
            }
            try fixture.store.shrink()
            for number in 0..<120 {
                #expect(try snapshot.read { tx in try tx.get("large \(number)") } == Self.large)
            }
        }
        #expect(try fixture.store.shrink() > 0)
    }

    @Test("A store killed behind a shrink opens as it was")
    func killed() throws {
        let fixture = try StoreFixture()
        try begin(fixture.store)
        try fill(fixture.store)
        let full = fixture.store.statistics.segments
        try fixture.store.write { tx in
            for number in 1..<120 { try tx.delete("large \(number)") }
        }
        try fixture.store.shrink()
        try fixture.reopenAsIfKilled()
        #expect(fixture.store.statistics.segments < full)
        #expect(try fixture.store.read { tx in try tx.get("large 0") } == Self.large)
    }

    /// A transaction for which the store grows, and that then is given up.
    private func growInVain(_ store: Store) throws {
        let before = store.statistics.segments
        #expect(throws: CancellationError.self) {
            try store.write { tx in
                var number = 0
                while store.statistics.segments == before {
                    try tx.put(Self.large, forKey: "large \(number)")
                    number += 1
                }
                throw CancellationError()
            }
        }
    }

    @Test("A segment that came behind the last checkpoint goes as well, with no commit since")
    func unknown() throws {
        let fixture = try StoreFixture()
        try begin(fixture.store)
        let before = fixture.store.statistics.segments
        try growInVain(fixture.store)
        #expect(try fixture.store.shrink() > 0)
        #expect(fixture.store.statistics.segments == before)
        try fixture.reopenAsIfKilled()
        #expect(try fixture.store.read { tx in try tx.get("small") } == Array("kept".utf8))
        #expect(fixture.store.statistics.segments == before)
    }

    @Test(
        "An almost empty store gives back all that it would not ask for again at once",
        arguments: [8, 12, 16, 32] as [UInt64], [64, 1024, 4096] as [UInt64])
    func small(mebibytes: UInt64, kibibytesOfLog: UInt64) throws {
        let fixture = try StoreFixture {
            ($0.initialBytes, $0.logBytes) = (mebibytes << 20, kibibytesOfLog << 10)
        }
        let store = fixture.store
        try begin(store)
        try fill(store)
        try store.write { tx in for number in 0..<120 { try tx.delete("large \(number)") } }
        try store.checkpoint()
        try growInVain(store)
        let full = store.statistics
        try store.shrink()
        let small = store.statistics
        #expect(small.segments < full.segments)
        if small.segments == 1 { return }
        // Two chunks in reserve, and a store is low on space with less than two more.
        #expect(small.segments == 2)
        let last = Int((small.fileBytes - mebibytes << 20) >> 21)
        #expect(store.engine.writer.heap.freeChunks - last < 4, "\(small)")
    }
}
