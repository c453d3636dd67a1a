internal import CPmem
internal import Glibc
internal import StoreWorkloads
internal import Synchronization
import Testing

@testable internal import PmemStore

/// Clones of an open store's segments: the visitor gets them, the store's blocks stay where they are.
@Suite("Lease: clones", .enabled(if: SharedFile.isPossible, "\(SharedFile.requirement)"))
struct CloneTests {
    /// What the kernel says of the first segment, past every other opener's lease.
    private func map(_ fixture: LeaseFixture) throws -> ExtentMap {
        let file = try OpenFile(fixture.segment, flags: O_RDONLY)
        return try ExtentMap(descriptor: file.descriptor, byteCount: 8 << 20)
    }

    @Test(
        "Clones taken under a writer are given blocks of their own; the store moves nowhere and loses nothing"
    )
    func underLoad() throws {
        let fixture = try LeaseFixture(.xfs)
        #expect(fixture.waitForLease())
        let before = try map(fixture)
        #expect(fixture.waitForLease())
        let isOver = Atomic<Bool>(false)
        let store = fixture.store
        let writer = WorkloadThread {
            var number = 0
            while !isOver.load(ordering: .relaxed) {
                do {
                    try store.write { tx in try tx.put(UInt64(number), forKey: "number") }
                } catch {
                    Issue.record(error)
                    return
                }
                number += 1
            }
        }
        for round in 0..<3 {
            #expect(
                Shell.run("cp --reflink=always '\(fixture.segment)' '\(fixture.beside("clone-\(round)"))'"))
            #expect(fixture.waitForLease())
        }
        isOver.store(true, ordering: .relaxed)
        writer.join()
        // The lease comes back before the sharing has ended.
        #expect(fixture.wait { (try? store.verifyExtents()) != nil })
        #expect(try map(fixture) == before)
        #expect(try fixture.isComplete())
        try fixture.store.close()
        for round in 0..<3 {
            let clone = try OpenFile(fixture.beside("clone-\(round)"), flags: O_RDONLY)
            let shared = try ExtentMap(descriptor: clone.descriptor, byteCount: 8 << 20)
            #expect(shared.disqualifier == nil)
        }
    }

    @Test("A clone that cannot be given blocks of its own stops the store, which names it; deleting it helps")
    func immutableClone() throws {
        let fixture = try LeaseFixture(.xfs)
        #expect(fixture.waitForLease())
        let clone = fixture.beside("clone")
        #expect(Shell.run("cp --reflink=always '\(fixture.segment)' '\(clone)'"))
        #expect(fixture.waitForLease())
        try fixture.commit()
        // Shared anew, and sealed before the visitor leaves.
        let seal = "cp --reflink=always \"$0\" \"$1.2\" && chattr +i \"$1.2\""
        #expect(Shell.run("exec 3<'\(fixture.segment)'; sh -c '\(seal)' '\(fixture.segment)' '\(clone)'"))
        defer { Shell.run("chattr -i '\(clone).2'") }
        #expect(fixture.waitForLease())
        let error = #expect(throws: StoreError.self) { try fixture.commit() }
        guard case .commit(.poisoned(let reason)) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("immutable") && reason.contains("chattr -i"), "\(reason)")
        #expect(try fixture.isComplete())
        try fixture.store.close()
        #expect(throws: StoreError.self) { try fixture.reopen() }
        Shell.run("chattr -i '\(clone).2'")
        try fixture.reopen()
        #expect(try fixture.isComplete())
        try fixture.commit()
    }

    @Test("Sharing that was begun while the store was closed ends when it is opened")
    func whileClosed() throws {
        let fixture = try LeaseFixture(.xfs)
        try fixture.store.close()
        let before = try map(fixture)
        let clone = fixture.beside("clone")
        #expect(Shell.run("cp --reflink=always '\(fixture.segment)' '\(clone)'"))
        let copied = bytes(of: clone)
        #expect(try map(fixture) != before)
        try fixture.reopen()
        try fixture.commit()
        try fixture.store.verifyExtents()
        #expect(try fixture.isComplete())
        try fixture.store.close()
        #expect(try map(fixture) == before)
        #expect(bytes(of: clone) == copied)
    }
}
