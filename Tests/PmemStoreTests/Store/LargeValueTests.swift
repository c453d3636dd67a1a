import Testing

@testable internal import PmemStore

@Suite("Store: values of every size")
struct LargeValueTests {
    @Test(
        "Values around every limit come back, from the process and after a kill",
        arguments: [
            0, 1, 51, 52, 53, 32_767, 32_768, 32_769, 65_535, 65_536, 2_093_055, 2_093_057, 5_000_000,
        ])
    func sizes(byteCount: Int) throws {
        let fixture = try StoreFixture()
        let value = [UInt8](pattern: byteCount, count: byteCount)
        try fixture.store.write { tx in
            try tx.put(value, forKey: "given")
            try tx.put(byteCount: byteCount, forKey: "built") { span in
                for byte in value.prefix(100) { span.append(byte) }
                unsafe span.append(repeating: value.last ?? 0, count: max(0, byteCount - 100), as: UInt8.self)
            }
        }
        for _ in 0..<2 {
            try fixture.store.read { tx in
                try #expect(tx.get("given") == value)
                try #expect(tx.get("built") == value)
            }
            try fixture.reopenAsIfKilled()
        }
        try fixture.reopen()
        try SpaceAudit.run(fixture.store)
    }

    @Test("A value that is built shorter than its room has its own length, and the room is not lost")
    func shorter() throws {
        let fixture = try StoreFixture()
        try fixture.store.write { tx in
            for room in [1, 64, 70_000, 3 << 20] {
                try tx.put(byteCount: room, forKey: "of \(room)") { $0.append(7) }
                try tx.put(byteCount: room, forKey: "none of \(room)") { _ in }
            }
        }
        try fixture.reopen()
        try fixture.store.read { tx in
            for room in [1, 64, 70_000, 3 << 20] {
                try #expect(tx.get("of \(room)") == [7])
                try #expect(tx.get("none of \(room)") == [])
            }
        }
        try SpaceAudit.run(fixture.store)
    }

    @Test("A value whose construction throws leaves the key as it was, the transaction alive and no leak")
    func throwing() throws {
        let fixture = try StoreFixture()
        try fixture.store.write { tx in
            try tx.put("old", forKey: "key")
            for room in [10, 70_000, 3 << 20] {
                #expect(throws: Deliberate()) {
                    try tx.put(byteCount: room, forKey: "key") { span in
                        span.append(1)
                        throw Deliberate()
                    }
                }
            }
            try tx.put("other", forKey: "other")
        }
        try fixture.reopen()
        try fixture.store.read { tx in
            try #expect(tx.get("key") == [UInt8](text: "old"))
            try #expect(tx.count() == 2)
        }
        try SpaceAudit.run(fixture.store)
    }

    @Test(
        "A value of 1 GiB is built in place, read in place and gone when deleted",
        .enabled(if: Place.volatileMemory.freeBytes > 4 << 30, "needs 4 GiB of free /dev/shm"))
    func gibibyte() throws {
        let fixture = try StoreFixture()
        let byteCount = 1 << 30
        try fixture.store.write { tx in
            try tx.put(byteCount: byteCount, forKey: "large") { span in
                unsafe span.append(repeating: 0x0123_4567_89ab_cdef, count: byteCount / 8, as: UInt64.self)
            }
        }
        try fixture.store.read { tx in
            let isThere: Bool? = try tx.withValue(forKey: "large") { value in
                let last = unsafe value.unsafeLoad(fromByteOffset: byteCount - 8, as: UInt64.self)
                return value.byteCount == byteCount && last == 0x0123_4567_89ab_cdef
            }
            #expect(isThere == true)
        }
        try fixture.store.write { tx in try tx.delete("large") }
        try fixture.store.checkpoint()
        #expect(fixture.store.statistics.freeBytes > UInt64(byteCount))
    }
}
