import Testing

@testable internal import PmemStore

/// When a checkpoint begins for the sake of space, when the store grows, and what is counted on meanwhile.
@Suite("Space: room for nodes, checkpoint or growth")
struct SpacePolicyTests {
    // MARK: Room for nodes

    /// 100 dirty nodes, 120 free slots, 90 dead slots.
    private func room() -> NodeRoom {
        var room = NodeRoom()
        room.addDirty(100)
        room.addFree(120)
        for _ in 0..<90 { room.addDead() }
        return room
    }

    /// The checkpointer takes a slot out of the heap.
    private func take(_ count: Int, from room: inout NodeRoom) {
        for _ in 0..<count {
            room.addFree(-1)
            room.takeSlot()
        }
    }

    @Test("Without a checkpoint, dirty nodes need slots that are free")
    func atRest() {
        #expect(room().missing() == -20)
        #expect(room().missing(30) == 10)
    }

    @Test("While a checkpoint writes, later nodes may count on what it sets free, its own may not")
    func whileWriting() {
        var room = room()
        room.cut(isSeen: false)
        #expect(room.missing() == -20, "the cut's nodes need theirs now")
        take(60, from: &room)
        room.addDirty(110)
        #expect(room.missing() == 0, "150 dirty ones, 60 free slots, and 90 that come back")
        take(40, from: &room)
        room.endWriting(late: 0, unused: 0)
        #expect(room.missing() == 0)
        room.end(isDurable: true, late: 0)
        room.release(90)
        room.endReturning()
        #expect(room.missing() == 0, "110 dirty ones, 110 free slots")
    }

    @Test("Where a reader may keep them, dead slots are not counted on")
    func seen() {
        var room = room()
        room.cut(isSeen: true)
        take(100, from: &room)
        room.addDirty(50)
        #expect(room.missing() == 30)
        room.release(40)
        #expect(room.missing() == -10, "what other readers have kept comes back")
    }

    @Test("A node that dies before it has a place takes a slot all the same")
    func lateDeath() {
        var room = room()
        room.cut(isSeen: false)
        room.addLate()
        room.addDirty(-1)
        room.addDirty(1)
        take(100, from: &room)
        #expect(room.dirty == 0, "taken off twice")
        #expect(room.missing() == -20)
        room.endWriting(late: 1, unused: 0)
        #expect(room.dirty == 1)
        room.end(isDurable: true, late: 1)
        room.release(90)
        room.endReturning()
        room.cut(isSeen: false)
        take(1, from: &room)
        room.addDirty(111)
        #expect(room.missing() == 1, "109 are free, and the late one's slot comes back")
    }

    @Test("A checkpoint that fails sets nothing free; the next one does")
    func failure() {
        var room = room()
        room.cut(isSeen: false)
        take(70, from: &room)
        for _ in 0..<20 { room.release(1) }
        room.endWriting(late: 0, unused: 20)
        room.end(isDurable: false, late: 0)
        room.endReturning()
        #expect(room.dirty == 50)
        #expect(room.free == 70)
        room.cut(isSeen: false)
        take(50, from: &room)
        room.addDirty(110)
        #expect(room.missing() == 0, "20 are free, 90 come back")
    }

    // MARK: Dead records

    @Test("A checkpoint is worth it for a sixteenth of what is in use, the one at work included")
    func deadRecords() {
        var dead = DeadRecords()
        dead.add(100)
        #expect(dead.isWorthFreeing(usedBytes: 100 * 64 * 16))
        #expect(!dead.isWorthFreeing(usedBytes: 100 * 64 * 16 + 16))
        dead.cut()
        dead.add(10)
        #expect(dead.isWorthFreeing(usedBytes: 100 * 64 * 16))
        dead.endReturning(meanBytes: 640)
        #expect(dead.isWorthFreeing(usedBytes: 10 * 640 * 16))
        #expect(!dead.isWorthFreeing(usedBytes: 11 * 640 * 16))
        dead.cut()
        dead.cancel()
        #expect(dead.waiting == 10)
        #expect(dead.returning == 0)
    }

    private func put(_ numbers: Range<Int>, round: Int, _ store: Store) throws {
        try store.write { tx in
            for number in numbers {
                try tx.put([UInt8](pattern: round, count: 1000), forKey: "key \(number)")
            }
        }
    }

    /// A store that does nothing in the background, with a mean of what records give back that was measured.
    private func makeQuietStore() throws -> StoreFixture {
        let fixture = try StoreFixture {
            $0.initialBytes = 32 << 20
            $0.logBytes = 4 << 20
        }
        fixture.store.engine.stopMaintenance()
        for round in 0..<2 { try put(0..<1000, round: round, fixture.store) }
        try fixture.store.checkpoint()
        return fixture
    }

    private func isLow(_ store: Store) -> Bool { store.engine.writer.heap.isLow }

    private func expectDue(release: Bool, growth: Bool, _ store: Store) {
        let isDue = (store.engine.writer.isReleaseDue, store.engine.writer.isGrowthDue)
        #expect(isDue == (release, growth))
    }

    @Test("What is overwritten comes back by a checkpoint, before the store grows")
    func overwriting() throws {
        let fixture = try makeQuietStore()
        let store = fixture.store
        let bytes = store.statistics.fileBytes
        var count = 0
        for round in 2..<500 {
            try put(0..<100, round: round, store)
            if !isLow(store) { continue }
            count += 1
            expectDue(release: true, growth: false, store)
            try store.checkpoint()
            #expect(!isLow(store))
        }
        #expect(count > 1)
        #expect(store.statistics.fileBytes == bytes)
        try fixture.reopen()
        try SpaceAudit.run(fixture.store)
    }

    @Test("What is new makes the store grow")
    func inserting() throws {
        let fixture = try makeQuietStore()
        let store = fixture.store
        var count = 1000
        while !isLow(store) {
            try put(count..<(count + 100), round: 0, store)
            count += 100
        }
        expectDue(release: false, growth: true, store)
    }

    @Test("What writers take while the store grows is there the next time, within limits")
    func lead() throws {
        let fixture = try StoreFixture { $0.initialBytes = 256 << 20 }
        fixture.store.engine.stopMaintenance()
        let engine = fixture.store.engine
        for (taken, lead) in [(0, 0), (1, 2), (0, 1), (2, 4), (9, 8), (1, 4), (1, 2), (0, 1), (0, 0)] {
            engine.writer.heap.setGrowthLead(taken: taken)
            let isRight = engine.writer.heap.growthLead == lead
            #expect(isRight, "\(taken) taken")
        }
        #expect(!isLow(fixture.store))
        let enough = engine.writer.heap.heldBackChunks + 2 + 8
        while engine.writer.heap.freeChunks >= enough {
            _ = engine.writer.heap.allocateRun(Space.chunkBytes, mayUseReserve: false)
        }
        _ = engine.writer.heap.allocateRun(Space.chunkBytes, mayUseReserve: false)
        #expect(!isLow(fixture.store))
        engine.writer.heap.setGrowthLead(taken: 9)
        #expect(isLow(fixture.store))
        expectDue(release: false, growth: true, fixture.store)
        engine.writer.heap.clearGrowthLead()
        #expect(!isLow(fixture.store))
    }

    @Test("A store that cannot grow keeps nothing ready for it")
    func refusedLead() throws {
        let fixture = try StoreFixture {
            $0.initialBytes = 64 << 20
            $0.quotaBytes = 64 << 20
        }
        let engine = fixture.store.engine
        engine.stopMaintenance()
        engine.writer.heap.setGrowthLead(taken: 1)
        while !isLow(fixture.store) {
            _ = engine.writer.heap.allocateRun(Space.chunkBytes, mayUseReserve: false)
        }
        #expect(try !engine.growIfDue())
        let isCleared = engine.writer.heap.growthLead == 0
        #expect(isCleared)
    }

    // MARK: Where the bytes are

    private func sum(_ use: SpaceUse) -> UInt64 {
        use.recordBytes + use.nodeBytes + use.largeValueBytes + use.freeRecordBytes + use.freeNodeBytes
            + use.freeChunkBytes + use.logBytes + use.tableBytes
    }

    @Test("Every byte of the files is somewhere", arguments: [1, 4] as [UInt64])
    func spaceUse(mebibytesOfLog: UInt64) throws {
        let fixture = try StoreFixture { $0.logBytes = mebibytesOfLog << 20 }
        let store = fixture.store
        store.engine.stopMaintenance()
        let empty = store.spaceUse
        #expect(empty.recordBytes == 0 && empty.nodeBytes == 0 && empty.largeValueBytes == 0)
        try store.write { tx in
            for number in UInt32(0)..<1000 { try tx.put([UInt8](pattern: 1, count: 100), forKey: number) }
            try tx.put([UInt8](pattern: 2, count: 5 << 20), forKey: UInt32(1000))
        }
        try store.checkpoint()
        let full = store.spaceUse
        for use in [empty, full] {
            #expect(use.totalBytes == sum(use))
            #expect(use.logBytes == mebibytesOfLog << 20)
        }
        #expect(full.totalBytes == store.statistics.fileBytes)
        let headers = store.statistics.freeBytes - full.freeChunkBytes
        #expect(headers < Space.chunkBytes && headers % 4096 == 0, "a free chunk may hold the header")
        #expect(full.recordBytes == 1000 * 128 + 64, "1000 records of two lines, one of a line")
        #expect(full.largeValueBytes == 3 << 21)
        #expect(full.nodeBytes >= 1000 / 56 * 1024)
    }
}
