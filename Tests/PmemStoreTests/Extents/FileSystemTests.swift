internal import Glibc
import Testing

@testable internal import PmemStore

/// What only certain file systems do, each on a loop device of its own.
@Suite("Extents: file systems")
struct FileSystemTests {
    private func reason(_ error: StoreError?) -> String? {
        guard case .open(.extentsChanged(_, let reason)) = error else { return nil }
        return reason
    }

    @Test(
        "Stores are created, grown and reopened",
        .enabled(
            if: LoopMount.isAvailable(.xfs) && LoopMount.isAvailable(.btrfs), "\(LoopMount.requirement)"),
        arguments: [LoopMount.Kind.ext4, .xfs, .btrfs])
    func lifeCycle(kind: LoopMount.Kind) throws {
        let mount = try #require(LoopMount(kind))
        try Fixture.create(mount.store)
        let directory = try Fixture.open(mount.store)
        _ = try directory.grow(byteCount: 4 << 20)
        try CountedMedium(directory).write([1, 2, 3], at: 7 << 20)
        #expect(directory.persistence.fileSystem == kind.rawValue)
        #expect(directory.persistence.domain == .page)
        #expect(directory.lease.level == .noticeBeforeChange)
        try directory.verifyExtents()
        directory.close()
        let reopened = try Fixture.open(mount.store)
        defer { reopened.close() }
        #expect(CountedMedium(reopened).read(7 << 20, 3) == [1, 2, 3])
        #expect(reopened.movedSegments.isEmpty)
    }

    @Test(
        "A closed store keeps nothing open: its file system can be unmounted while the object lives",
        .enabled(if: LoopMount.isAvailable(.ext4) && !Guest.isHere, "\(LoopMount.requirement)"))
    func closedLetsGo() throws {
        let mount = try #require(LoopMount(.ext4))
        var options = StoreOptions()
        options.initialBytes = 4 << 20
        options.logBytes = 1 << 20
        let store = try Store.open(mount.store, options: options)
        let region = try LeasedRegion.create(mount.path + "/region", byteCount: 1 << 20)
        try store.close()
        region.close()
        #expect(Shell.run("umount '\(mount.path)'"))
        withExtendedLifetime((store, region)) {}
    }

    @Test(
        "A full file system refuses growth without a trace",
        .enabled(if: LoopMount.isAvailable(.ext4), "\(LoopMount.requirement)"))
    func noSpace() throws {
        let mount = try #require(LoopMount(.ext4))
        try Fixture.create(mount.store)
        let directory = try Fixture.open(mount.store)
        let building = mount.store + "/.segment-000001.building"
        let failure = StoreError.commit(.noSpace(path: building, neededBytes: 64 << 20))
        #expect(throws: failure) { try directory.grow(byteCount: 64 << 20) }
        #expect(directory.segments.count == 1)
        directory.close()
        #expect(contents(of: mount.store).count == 2)
        try Fixture.open(mount.store).close()
    }

    @Test(
        "A full file system refuses creation without a trace",
        .enabled(if: LoopMount.isAvailable(.ext4), "\(LoopMount.requirement)"))
    func noSpaceAtCreation() throws {
        let mount = try #require(LoopMount(.ext4))
        let error = #expect(throws: StoreError.self) {
            try SegmentDirectory.create(
                path: mount.store, identifier: (1, 2), byteCount: 64 << 20, logBytes: 4096
            ) {
                (_, _) throws(StoreError) in
            }
        }
        guard case .open(.system("fallocate", _, ENOSPC)) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(Set(contents(of: mount.path).keys) == ["lost+found"])
    }

    @Test(
        "Unwritten extents are refused",
        .enabled(if: LoopMount.isAvailable(.ext4), "\(LoopMount.requirement)"))
    func unwritten() throws {
        let mount = try #require(LoopMount(.ext4))
        try Fixture.create(mount.store)
        let segment = Fixture.segment(0, of: mount.store)
        #expect(Shell.run("fallocate --zero-range -o 1MiB -l 64KiB '\(segment)' && sync '\(segment)'"))
        let before = contents(of: mount.store)
        #expect(
            reason(Fixture.refusal(mount.store))?.hasPrefix("the extent at byte 1048576 is unwritten") == true
        )
        #expect(contents(of: mount.store) == before)
    }

    @Test(
        "Shared extents are refused; a full copy opens",
        .enabled(if: LoopMount.isAvailable(.xfs), "\(LoopMount.requirement)"))
    func shared() throws {
        let mount = try #require(LoopMount(.xfsWithoutOwners))
        try Fixture.create(mount.store)
        let before = contents(of: mount.store)
        #expect(
            Shell.run("cp --reflink=always '\(Fixture.segment(0, of: mount.store))' '\(mount.path)/clone'"))
        let refused = reason(Fixture.refusal(mount.store))
        #expect(refused?.contains("shared with another file") == true)
        #expect(refused?.contains("cp --reflink=never --sparse=never") == true)
        #expect(contents(of: mount.store) == before)

        #expect(Shell.run("cp -r --reflink=never --sparse=never '\(mount.store)' '\(mount.path)/copy'"))
        let copy = try Fixture.open(mount.path + "/copy")
        defer { copy.close() }
        #expect(copy.movedSegments.isEmpty)
    }

    @Test(
        "Blocks that were moved while the store was closed are reported",
        .enabled(if: LoopMount.isAvailable(.xfs), "\(LoopMount.requirement)"))
    func moved() throws {
        let mount = try #require(LoopMount(.xfs))
        try Fixture.create(mount.store)
        let segment = Fixture.segment(0, of: mount.store)
        let clone = mount.path + "/clone"
        let rewrite = "dd if='\(clone)' of='\(segment)' bs=4096 count=1 skip=600 seek=600 conv=notrunc,fsync"
        #expect(Shell.run("cp --reflink=always '\(segment)' '\(clone)' && \(rewrite) && rm '\(clone)'"))
        let directory = try Fixture.open(mount.store)
        defer { directory.close() }
        #expect(directory.movedSegments == [segment])
        try directory.verifyExtents()
    }

    @Test(
        "A clone taken while the store is open is noticed",
        .enabled(if: LoopMount.isAvailable(.xfs), "\(LoopMount.requirement)"))
    func clonedWhileOpen() throws {
        let mount = try #require(LoopMount(.xfs))
        try Fixture.create(mount.store)
        let segment = Fixture.segment(0, of: mount.store)
        // Without a lease, which would hold the clone up.
        let reader = try OpenFile(segment, flags: O_RDONLY)
        let directory = try Fixture.open(mount.store)
        defer { directory.close() }
        #expect(directory.lease.level == .detectOnly)
        try directory.verifyExtents()
        #expect(Shell.run("cp --reflink=always '\(segment)' '\(mount.path)/clone'"))
        let error = #expect(throws: StoreError.self) { try directory.verifyExtents() }
        #expect(reason(error)?.contains("shared with another file") == true)
        withExtendedLifetime(reader) {}
    }
}
