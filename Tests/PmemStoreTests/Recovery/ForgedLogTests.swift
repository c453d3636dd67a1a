internal import CPmem
import Testing

@testable internal import PmemStore
@testable internal import StoreFuzzing

/// Log entries that no commit would have written, with every checksum right: replay ends before them.
@Suite("Recovery: entries that could not have been written", .serialized)
struct ForgedLogTests {
    private static let storeBytes = FuzzStore.layout.byteCount

    /// A store of one pair on memory of its own.
    private func makeMemory() throws -> FuzzMemory {
        let memory = FuzzMemory(byteCount: Int(Self.storeBytes))
        FuzzStore.format(memory)
        let store = try FuzzStore(memory)
        try store.write { (store) throws(StoreError) in try store.put([7], [1], table: 1) }
        return memory
    }

    private func expectOneCommit(_ memory: FuzzMemory) throws {
        let store = try FuzzStore(memory)
        #expect(store.engine.writer.commit == 1)
        #expect(try store.value([1], table: 1) == [7])
        try store.write { (store) throws(StoreError) in try store.put([8], [1], table: 1) }
        #expect(try store.value([1], table: 1) == [8])
    }

    struct Operation: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let record: UInt64
    }

    static let operations = [
        Operation(testDescription: "a delete of nothing", record: UInt64(CPM_OPERATION_DELETE)),
        Operation(
            testDescription: "a delete beyond the store",
            record: storeBytes + 64 | UInt64(CPM_OPERATION_DELETE)),
        Operation(testDescription: "no operation that there is", record: storeBytes - 64 | 7),
        Operation(
            testDescription: "a put of a record that leaves the store",
            record: storeBytes - 64 | UInt64(CPM_OPERATION_PUT)),
    ]

    @Test("An operation that names nothing", arguments: operations)
    func operation(_ forged: Operation) throws {
        let memory = try makeMemory()
        // Lengths of a record in the store's last line.
        memory.write(0x7fff_ffff, at: Int(Self.storeBytes) - 56, byteCount: 4)
        let store = try FuzzStore(memory)
        var operation = cpm_log_operation(record: forged.record, replaced: 0, table: 1, checksum: 0)
        unsafe store.engine.writer.log.append(commit: 2, operations: &operation, count: 1)
        try expectOneCommit(memory)
    }

    @Test("A list of operations that is not where the entry says", arguments: [UInt64(1), 64, storeBytes])
    func spilled(offset: UInt64) throws {
        let memory = try makeMemory()
        let store = try FuzzStore(memory)
        let bytes = UInt64(3 * LogLayout.operationBytes)
        let spill = cpm_log_spill(offset: offset, byteCount: bytes, checksum: 0, reserved: 0)
        store.engine.writer.log.appendSpilled(commit: 2, spill: spill, count: 3)
        try expectOneCommit(memory)
    }

    /// It would lead to itself for ever.
    @Test("A pad of the whole ring")
    func wholePad() throws {
        let layout = FuzzStore.layout
        let memory = FuzzMemory(byteCount: Int(Self.storeBytes))
        FuzzStore.format(memory)
        var entry = cpm_log_entry(
            checksum: 0, byteCount: UInt32(layout.logBytes), commit: 1, operationCount: 0,
            flags: UInt16(CPM_LOG_PAD) | 1 << 8, magic: UInt16(CPM_LOG_MAGIC))
        let medium = FuzzMedium(memory)
        let seed = Checksum.logSeed(salt: 0x5a17, commit: 1, offset: layout.logOffset)
        unsafe medium.copyIn(layout.logOffset, &entry, MemoryLayout<cpm_log_entry>.size)
        entry.checksum = unsafe Checksum.of(medium.read(layout.logOffset, 64) + 4, 60, seed: seed)
        unsafe medium.copyIn(layout.logOffset, &entry, MemoryLayout<cpm_log_entry>.size)
        #expect(try FuzzStore(memory).engine.writer.commit == 0)
    }

    @Test("A name of a table without a number gives no number out")
    func tableWithoutNumber() throws {
        let memory = try makeMemory()
        let store = try FuzzStore(memory)
        let next = store.engine.writer.nextTable
        try store.write { (store) throws(StoreError) in
            try store.put([9, 9], [1], table: Catalog.namesTable)
        }
        let reopened = try FuzzStore(memory)
        #expect(reopened.engine.writer.commit == 2)
        #expect(reopened.engine.writer.nextTable == next)
    }

    @Test("Replay that looks ahead sees pads and long keys, and is the same")
    func lookingAhead() throws {
        let memory = try makeMemory()
        let store = try FuzzStore(memory)
        // Up to the ring's last line, so that an entry of two lines needs a pad; the checkpoints lie before.
        let log = FuzzStore.layout.logBytes
        var number: UInt8 = 0
        while store.engine.writer.log.tail % log != log - 64 {
            number &+= 1
            try store.write { (store) throws(StoreError) in
                try store.put([number], [UInt8](repeating: number, count: 200), table: 1)
            }
            if store.engine.writer.log.tail % log == log - 64 * 40 { try store.engine.checkpoint() }
        }
        try store.write { (store) throws(StoreError) in
            for key in UInt8(0)..<4 { try store.put([key], [key, key], table: 1) }
        }
        let expected = try store.pairs(1, limit: 1000)
        let reopened = try FuzzStore(memory)
        #expect(reopened.engine.replayedOperations > 40)
        let found = try reopened.pairs(1, limit: 1000)
        #expect(found.elementsEqual(expected) { $0.key == $1.key && $0.value == $1.value })
    }
}
