internal import Glibc
import Testing

@testable internal import PmemStore

/// What a power cut takes from a file on XFS-DAX whose blocks were shared when they were stored to, and that it takes
/// nothing once the sharing was ended on the other side.
///
/// The kernel copies a shared block on the first store, into a new block of ours, and does not flush the copy. QEMU
/// cannot lose what was not flushed, so the cut is worked out line by line. A line of a moved block is durable if the
/// kernel has flushed it (probes record that) or if the program has; the program flushes what it stores, and what it
/// has stored is what differs from the clone. All other lines of moved blocks are lost: the worst case.
@Suite(
    "DAX: shared blocks at a power cut", .serialized,
    .enabled(if: Guest.canShare, "runs on XFS with reflink in the guest of make test-dax"))
struct SharedBlockLossTests {
    private static let lineBytes = 64
    private static let stored = 64 * 4096

    /// Bytes that were durable before the clone and are not after a power cut now.
    private func lostBytes(_ shared: SharedFile, clone: [UInt8], flushed: [Range<UInt64>]) throws -> Int {
        let now = SharedFile.read(shared.file)
        let before = try physicalPages(shared.map)
        let pages = try physicalPages(shared.mapNow)
        var lost = 0
        for (page, place) in pages.enumerated() where place != before[page] {
            for line in stride(from: 0, to: 4096, by: Self.lineBytes) {
                let offset = page * 4096 + line
                let isStored = !SharedFile.areSame(now, offset, clone, offset, Self.lineBytes)
                let address = place + UInt64(line)
                let isFlushed = flushed.contains { $0.contains(address) && $0.contains(address + 63) }
                if !isStored && !isFlushed { lost += Self.lineBytes }
            }
        }
        return lost
    }

    /// Where each page of the file lies on the device.
    private func physicalPages(_ map: ExtentMap) throws -> [UInt64] {
        map.extents.flatMap { extent in
            stride(from: extent.physical, to: extent.physical + extent.byteCount, by: 4096)
        }
    }

    @Test("Control: the probes see what a sync flushes")
    func probes() throws {
        let shared = try #require(try SharedFile())
        let trace = try #require(KernelFlushTrace())
        let mapping = try Mapping.reserve([UInt64(SharedFile.byteCount)])
        defer { mapping.release() }
        try mapping.map(
            descriptor: shared.file.descriptor, at: 0, byteCount: UInt64(SharedFile.byteCount), .shared)
        unsafe mapping.base.storeBytes(of: 1, as: UInt64.self)
        try shared.file.synchronize()
        let first = try #require(try physicalPages(shared.map).first)
        #expect(trace.ranges().contains { $0.contains(first) })
    }

    @Test("Control: without the repair, bytes that were durable are lost")
    func lossWithoutRepair() throws {
        let shared = try #require(try SharedFile())
        let trace = try #require(KernelFlushTrace())
        let clone = try shared.clone("clone")
        try shared.storeIntoEachPage(to: Self.stored)
        let lost = try lostBytes(shared, clone: SharedFile.read(clone), flushed: trace.ranges())
        // Of each page one line was stored and flushed; the kernel's copies of the other 63 were not.
        #expect(lost >= 63 * 64 * 64)
        print("shared blocks: without the repair a power cut takes \(lost) bytes")
    }

    @Test("With the repair before the first store, nothing moves and nothing is lost")
    func noLossWithRepair() throws {
        let shared = try #require(try SharedFile())
        let trace = try #require(KernelFlushTrace())
        let clone = try shared.clone("clone")
        let report = try shared.endSharing()
        #expect(report.isBroken, "\(report)")
        try shared.storeIntoEachPage(to: Self.stored)
        #expect(try shared.mapNow == shared.map)
        #expect(try lostBytes(shared, clone: SharedFile.read(clone), flushed: trace.ranges()) == 0)
        #expect(shared.isKept(by: clone))
    }

    @Test("Ranges that have moved are durable once every line was flushed, and hold what they held")
    func movedRangesFlushed() throws {
        let shared = try #require(try SharedFile())
        let trace = try #require(KernelFlushTrace())
        let clone = try shared.clone("clone")
        try shared.storeIntoEachPage(to: Self.stored)
        #expect(try shared.mapNow != shared.map)
        // What opening does to a segment whose blocks have moved.
        try RangeFlush.flush(
            descriptor: shared.file.descriptor, offset: 0, byteCount: UInt64(SharedFile.byteCount))
        let byProgram = try shared.mapNow.extents.map { $0.physical..<($0.physical + $0.byteCount) }
        let flushed = trace.ranges() + byProgram
        #expect(try lostBytes(shared, clone: SharedFile.read(clone), flushed: flushed) == 0)
        let now = SharedFile.read(shared.file)
        for page in stride(from: 0, to: SharedFile.byteCount, by: 4096) {
            let isSame = SharedFile.areSame(now, page + 8, shared.contents, page + 8, 4088)
            if !isSame { Issue.record("page at byte \(page)") }
        }
    }
}
