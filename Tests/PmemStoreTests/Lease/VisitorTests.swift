internal import CPmem
internal import Glibc
internal import StoreWorkloads
import Testing

@testable internal import PmemStore

/// Others open the files of an open store: they get in at once, the store goes on, and is sure of its blocks then.
@Suite("Lease: visitors", .enabled(if: LeaseFixture.areAvailable, "\(LoopMount.requirement)"))
struct VisitorTests {
    /// Long before the kernel's own patience of 45 seconds ends.
    private static let soon: UInt64 = 5_000_000_000

    @Test("A reader gets in at once, and the lease comes back", arguments: LeaseFixture.Ground.allCases)
    func reader(ground: LeaseFixture.Ground) throws {
        let fixture = try LeaseFixture(ground)
        #expect(fixture.waitForLease())
        let begun = cpm_monotonic_nanoseconds()
        for round in 0..<5 {
            #expect(Shell.run("cmp '\(fixture.segment)' '\(fixture.segment)'"))
            try fixture.commit(round)
        }
        #expect(cpm_monotonic_nanoseconds() - begun < Self.soon)
        #expect(fixture.waitForLease())
        try fixture.store.verifyExtents()
        #expect(try fixture.isComplete())
    }

    @Test(
        "A visitor who stays, or hangs, or is killed stalls nobody", arguments: LeaseFixture.Ground.allCases,
        ["<", "<>"])
    func stays(ground: LeaseFixture.Ground, access: String) throws {
        let fixture = try LeaseFixture(ground)
        #expect(fixture.waitForLease())
        let visitor = Visitor(fixture.segment, access: access)
        #expect(fixture.wait { visitor.isIn })
        visitor.stop()
        let begun = cpm_monotonic_nanoseconds()
        for round in 0..<50 { try fixture.commit(round) }
        try fixture.store.checkpoint()
        #expect(cpm_monotonic_nanoseconds() - begun < Self.soon)
        #expect(fixture.store.lease.level < .noticeBeforeChange)
        #expect(fixture.store.lease.reason.contains("somebody has it open"))
        visitor.leave()
        #expect(fixture.waitForLease())
        #expect(try fixture.isComplete())
    }

    @Test("Who does not wait is refused, and the lease comes back", arguments: LeaseFixture.Ground.allCases)
    func nonBlocking(ground: LeaseFixture.Ground) throws {
        let fixture = try LeaseFixture(ground)
        #expect(fixture.waitForLease())
        let descriptor = unsafe open(fixture.segment, O_RDWR | O_NONBLOCK)
        #expect(descriptor < 0 && errno == EAGAIN)
        #expect(fixture.waitForLease())
        try fixture.commit()
    }

    @Test("The own process may open a file, too", arguments: LeaseFixture.Ground.allCases)
    func ownProcess(ground: LeaseFixture.Ground) throws {
        let fixture = try LeaseFixture(ground)
        #expect(fixture.waitForLease())
        let begun = cpm_monotonic_nanoseconds()
        let file = try OpenFile(fixture.segment, flags: O_RDONLY)
        #expect(cpm_monotonic_nanoseconds() - begun < Self.soon)
        try fixture.commit()
        withExtendedLifetime(file) {}
    }

    @Test("Who is there before the store makes it say so; with a demand, it is refused")
    func before() throws {
        let fixture = try LeaseFixture(LeaseFixture.Ground.allCases[0])
        try fixture.store.close()
        let visitor = Visitor(fixture.segment)
        #expect(fixture.wait { visitor.isIn })
        fixture.options.minimumLease = .noticeBeforeChange
        let error = #expect(throws: StoreError.self) { try fixture.reopen() }
        guard case .open(.leaseTooWeak(_, .noticeBeforeChange, .detectOnly, let reason)) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("somebody has it open"))
        fixture.options.minimumLease = .none
        try fixture.reopen()
        #expect(fixture.store.lease.level == .detectOnly)
        try fixture.commit()
        visitor.leave()
        #expect(fixture.waitForLease())
    }

    @Test("Writers keep their order and lose nothing under a stream of readers")
    func stream() throws {
        let fixture = try LeaseFixture(.xfs) { $0.visitorPatienceNanoseconds = 1_000_000 }
        let path = fixture.segment
        let readers = WorkloadThread {
            for _ in 0..<20 { Shell.run("head -c 4096 '\(path)'") }
        }
        for round in 0..<300 {
            try fixture.store.write { tx in try tx.put("\(round)", forKey: "round") }
        }
        readers.join()
        #expect(fixture.waitForLease())
        try fixture.store.verifyExtents()
        #expect(try fixture.get("round") == "299")
        #expect(try fixture.isComplete())
    }
}
