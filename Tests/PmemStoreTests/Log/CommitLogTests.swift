internal import CPmem
import Testing

@testable internal import PmemStore
@testable internal import PmemStoreTesting

/// The ring by itself: what has room stays behind the head, and what was appended is what is read.
@Suite("Log: the ring")
struct CommitLogTests {
    private static let start: UInt64 = 4096
    private static let capacity: UInt64 = 16 << 10
    private static let salt: UInt64 = 0x5a17

    private static func makeLog(_ medium: HeapMedium) -> CommitLog<HeapMedium> {
        CommitLog(
            medium: medium, start: start, capacity: capacity, salt: salt, generation: 1, head: 0, tail: 0)
    }

    private static func reader(_ medium: HeapMedium, limit: UInt64 = 1 << 20) -> LogReader<HeapMedium> {
        LogReader(medium: medium, start: start, capacity: capacity, salt: salt, limit: limit)
    }

    private static func operations(_ count: Int, of commit: UInt64) -> [cpm_log_operation] {
        (0..<count).map {
            cpm_log_operation(record: UInt64($0) << 6, replaced: commit, table: 1, checksum: UInt32($0))
        }
    }

    /// Entries that are not yet cut off, and where each ends.
    private struct Entry {
        let commit: UInt64
        let count: Int
        let end: UInt64
    }

    @Test("What has room leaves the oldest entry whole, pad included; what has none would not")
    func room() {
        var random = SeededGenerator(seed: TestPlan.seeds([1])[0])
        let medium = HeapMedium(byteCount: 1 << 20)
        var log = Self.makeLog(medium)
        defer { log.deallocate() }
        var entries: [Entry] = []
        var (commit, refusals, padsAlone) = (UInt64(0), 0, 0)
        for _ in 0..<20_000 {
            let count = Int.random(in: 1...169, using: &random)
            let bytes = UInt64(CommitLog<HeapMedium>.entryBytes(operations: count))
            let left = Self.capacity - log.tail % Self.capacity
            let needed = left < bytes ? left + bytes : bytes
            #expect(log.hasRoom(Int(bytes)) == (log.usedBytes + needed <= Self.capacity))
            if log.hasRoom(Int(bytes)) {
                commit += 1
                unsafe log.append(
                    commit: commit, operations: Self.operations(count, of: commit), count: count)
                entries.append(Entry(commit: commit, count: count, end: log.tail))
                #expect(log.usedBytes <= Self.capacity)
                continue
            }
            refusals += 1
            padsAlone += log.usedBytes + bytes <= Self.capacity ? 1 : 0
            Self.check(entries, from: log.head, medium)
            let cut = Int.random(in: 1...entries.count, using: &random)
            log.free(upTo: entries[cut - 1].end)
            entries.removeFirst(cut)
        }
        #expect(refusals > 1000 && padsAlone > 50, "\(refusals) refused, \(padsAlone) for the pad alone")
    }

    private static func check(_ entries: [Entry], from head: UInt64, _ medium: HeapMedium) {
        var position = head
        for entry in entries {
            guard let found = reader(medium).entry(at: position, commit: entry.commit) else {
                Issue.record("entry \(entry.commit) at \(position) is not there any more")
                return
            }
            #expect(found.end == entry.end && found.operationCount == entry.count)
            #expect(found.operation(entry.count - 1).replaced == entry.commit)
            position = found.end
        }
    }

    /// The list's checksum is right, and so is the entry's: only where it lies is wrong.
    @Test(
        "An entry whose list of operations leaves the store is none",
        arguments: [(512 - 128, true), (512 - 64, false), (512, false), (640, false)] as [(UInt64, Bool)])
    func spillBeyondTheStore(offset: UInt64, isValid: Bool) {
        let limit: UInt64 = 512 << 10
        let place = limit - 512 + offset
        let medium = HeapMedium(byteCount: 1 << 20)
        var log = Self.makeLog(medium)
        defer { log.deallocate() }
        let operations = Self.operations(3, of: 1)
        let bytes = 3 * LogLayout.operationBytes
        let checksum = unsafe Checksum.of(
            operations, bytes, seed: Checksum.seed(.logSpill, offset: place))
        unsafe medium.copyIn(place, operations, bytes)
        let spill = cpm_log_spill(
            offset: place, byteCount: UInt64(bytes), checksum: checksum, reserved: 0)
        log.appendSpilled(commit: 1, spill: spill, count: 3)
        let entry = Self.reader(medium, limit: limit).entry(at: 0, commit: 1)
        #expect((entry != nil) == isValid)
        if let entry { #expect(entry.operationCount == 3 && entry.operation(2).record == 128) }
    }
}
