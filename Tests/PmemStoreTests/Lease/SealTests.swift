internal import CPmem
internal import Glibc
import Testing

@testable internal import PmemStore

/// A sealed store: closed to everybody else, root included, while its own commits go on.
@Suite("Lease: seal", .enabled(if: LeaseFixture.areAvailable, "\(LoopMount.requirement)"))
struct SealTests {
    private static let grounds = LeaseFixture.Ground.withBlocks

    private static func sealed(_ ground: LeaseFixture.Ground) throws -> LeaseFixture {
        try LeaseFixture(ground) { $0.minimumLease = .sealed }
    }

    @Test("Root cannot write to, cut, punch, rename or remove a sealed segment", arguments: grounds)
    func refused(ground: LeaseFixture.Ground) throws {
        let fixture = try Self.sealed(ground)
        let canShare = ground == .xfs && Guest.fileSystem != "xfs-plain"
        #expect(fixture.store.lease.level == (canShare ? .sealed : .sealedUnshareable))
        // An immutable file takes no stores on ext4, unless they go past the page cache.
        let flags = ground == .ext4 && !Guest.isHere ? "+a" : "+i+a"
        #expect(fixture.store.lease.reason.contains("sealed by \(flags)"), "\(fixture.store.lease.reason)")
        let segment = fixture.segment
        for command in [
            "exec 3<>'\(segment)'", "truncate -s 0 '\(segment)'", "fallocate -p -o 0 -l 1MiB '\(segment)'",
            "mv '\(segment)' '\(segment).away'", "rm -f '\(segment)'",
            "ln '\(segment)' '\(segment).too'", "mv '\(fixture.path)/lock' '\(segment)'",
        ] {
            #expect(!Shell.run(command), "\(command)")
        }
        for round in 0..<20 { try fixture.commit(round) }
        try fixture.store.checkpoint()
        try fixture.store.verifyExtents()
        #expect(try fixture.isComplete())
    }

    @Test("Closing removes the seal", arguments: grounds)
    func closed(ground: LeaseFixture.Ground) throws {
        let fixture = try Self.sealed(ground)
        try fixture.store.close()
        #expect(Shell.run("rm -r '\(fixture.path)'"))
    }

    @Test("A sealed store grows", arguments: grounds)
    func growth(ground: LeaseFixture.Ground) throws {
        let fixture = try Self.sealed(ground)
        let before = fixture.store.statistics.segments
        try fixture.store.write { tx in
            for number in 0..<40 {
                try tx.put([UInt8](repeating: 7, count: 100_000), forKey: "large \(number)")
            }
        }
        #expect(fixture.store.statistics.segments > before)
        #expect(fixture.store.lease.level >= .sealed)
        #expect(!Shell.run("rm '\(fixture.path)/\(SegmentName.sealed(before))'"))
        try fixture.reopen()
        #expect(try fixture.isComplete())
    }

    @Test("The seal of a process that was killed is removed by the next opening", arguments: grounds)
    func killed(ground: LeaseFixture.Ground) async throws {
        let fixture = try LeaseFixture(ground) { $0.sealing = .never }
        try fixture.store.close()
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = fixture.path as String] in
            var options = StoreOptions()
            options.minimumLease = .sealed
            let store = try Store.open(path, options: options)
            try store.write { tx in try tx.put("last", forKey: "last") }
            kill(getpid(), SIGKILL)
        }
        #expect(!Shell.run("rm '\(fixture.segment)'"))
        try fixture.reopen()
        #expect(fixture.store.lease.level == .noticeBeforeChange)
        #expect(try fixture.get("last") == "last")
        #expect(try fixture.isComplete())
    }

    @Test("A seal that root removes is put back", arguments: grounds)
    func renewed(ground: LeaseFixture.Ground) throws {
        let fixture = try Self.sealed(ground)
        let view = try OpenFile(fixture.segment, flags: 0x20_0000 /* O_PATH */)
        let flags = cpm_seal_flags(view.descriptor)
        #expect(flags > 0)
        do {
            let opened = try OpenFile(fixture.segment, flags: O_RDONLY)
            ExtentSeal.clear(opened)
            #expect(cpm_seal_flags(view.descriptor) == 0)
        }
        #expect(fixture.wait { cpm_seal_flags(view.descriptor) == flags })
        #expect(fixture.waitForLease())
        #expect(fixture.store.lease.level >= .sealed)
        try fixture.commit()
    }

    @Test(
        "Without a seal that can be had, the demand is refused, and nothing stays sealed",
        .enabled(if: SharedFile.isPossible, "\(SharedFile.requirement)"))
    func tooWeak() throws {
        let fixture = try LeaseFixture(.xfs)
        try fixture.store.close()
        fixture.options.minimumLease = .sealedUnshareable
        let error = #expect(throws: StoreError.self) { try fixture.reopen() }
        guard case .open(.leaseTooWeak(_, .sealedUnshareable, .sealed, let reason)) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("can share blocks"))
        #expect(Shell.run("rm -r '\(fixture.path)'"))
    }
}
