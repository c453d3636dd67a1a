internal import CPmem
internal import Glibc
import Testing

@testable internal import PmemStore

/// What the kernel says of leases and seals, as far as the store rests on it: docs/lease-facts.md says for what.
@Suite("Lease: facts about the kernel", .enabled(if: LeaseFixture.areAvailable, "\(LoopMount.requirement)"))
struct LeaseFactsTests {
    private static func file(_ path: String) throws -> OpenFile {
        let file = try OpenFile(path, flags: O_RDWR | O_CREAT, mode: 0o600)
        let bytes = [UInt8](repeating: 1, count: 65536)
        #expect(unsafe pwrite(file.descriptor, bytes, bytes.count, 0) == bytes.count)
        return file
    }

    private static func mapped(_ file: OpenFile) throws -> UnsafeMutableRawPointer {
        let page = unsafe mmap(nil, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, file.descriptor, 0)
        return try unsafe #require(page)
    }

    @Test("A lease for reading cannot be had on a file that is mapped for writing", arguments: Place.allCases)
    func reading(place: Place) throws {
        let scratch = ScratchDirectory(place)
        let file = try Self.file(scratch.path + "/file")
        let page = try unsafe Self.mapped(file)
        #expect(cpm_set_lease(file.descriptor, F_RDLCK) == -1 && errno == EAGAIN)
        #expect(cpm_set_lease_signal(file.descriptor, ExtentLease.signal) == 0)
        #expect(cpm_set_lease(file.descriptor, F_WRLCK) == 0)
        unsafe munmap(page, 65536)
    }

    @Test("A mapping keeps the lease of a file that was closed", arguments: Place.allCases)
    func mapping(place: Place) throws {
        let scratch = ScratchDirectory(place)
        let path = scratch.path + "/file"
        var file: OpenFile? = try Self.file(path)
        let page = try unsafe Self.mapped(try #require(file))
        if let file { try ExtentLease.takeOnce(file, thread: 0) }
        file = nil
        #expect(unsafe open(path, O_RDONLY | O_NONBLOCK) == -1 && errno == EAGAIN)
        unsafe munmap(page, 65536)
        var again = unsafe open(path, O_RDONLY | O_NONBLOCK)
        // A process that another test is about to start may have the file for a moment.
        for _ in 0..<10_000 where again < 0 {
            sched_yield()
            again = unsafe open(path, O_RDONLY | O_NONBLOCK)
        }
        #expect(again >= 0)
        close(again)
    }

    @Test(
        "Whoever does not own the files has no lease, and is told why",
        arguments: LeaseFixture.Ground.allCases)
    func notTheOwner(ground: LeaseFixture.Ground) async throws {
        let fixture = try LeaseFixture(ground)
        try fixture.store.close()
        let parent = String(fixture.path.dropLast("/store".count))
        #expect(Shell.run("chmod -R a+rwX '\(parent)' '\(parent)/..'"))
        await #expect(processExitsWith: .success) { [path = fixture.path as String] in
            #expect(setuid(65534) == 0)
            let store = try LeaseFixture.open(path)
            #expect(store.lease.level < .noticeBeforeChange)
            #expect(
                store.lease.reason.contains("F_SETLEASE") && store.lease.reason.contains("error \(EACCES)"))
            try LeaseFixture.commit(to: store)
            try store.close()
        }
    }

    @Test(
        "Whoever lacks the privilege cannot remove a seal, and is told the command",
        arguments: LeaseFixture.Ground.withBlocks)
    func notPrivileged(ground: LeaseFixture.Ground) async throws {
        let fixture = try LeaseFixture(ground)
        try fixture.store.close()
        let parent = String(fixture.path.dropLast("/store".count))
        #expect(Shell.run("chmod -R a+rwX '\(parent)' '\(parent)/..' && chattr +i '\(fixture.segment)'"))
        await #expect(processExitsWith: .success) { [path = fixture.path as String] in
            #expect(setuid(65534) == 0)
            let segment = path + "/" + SegmentName.sealed(0)
            let error = #expect(throws: StoreError.self) { try LeaseFixture.open(path) }
            #expect(error == .open(.sealed(path: segment, remedy: "as root: chattr -i -a '\(segment)'")))
        }
        try fixture.reopen()
        #expect(try fixture.isComplete())
    }
}
