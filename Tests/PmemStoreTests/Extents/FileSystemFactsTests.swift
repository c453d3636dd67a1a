internal import CPmem
internal import Glibc
internal import StoreWorkloads
internal import Synchronization
import Testing

@testable internal import PmemStore

/// What file systems do to block maps, as far as the store rests on it: docs/lease-facts.md says for what.
@Suite(
    "Extents: facts about file systems",
    .enabled(if: LeaseFixture.areAvailable && !Guest.isHere, "\(LoopMount.requirement)"))
struct FileSystemFactsTests {
    private static let kinds: [LoopMount.Kind] = [.ext4, .xfs]
    private static let byteCount: UInt64 = 8 << 20

    private func file(_ path: String, byteCount: UInt64 = byteCount) throws -> OpenFile {
        let file = try OpenFile(path, flags: O_RDWR | O_CREAT, mode: 0o600)
        #expect(cpm_fallocate(file.descriptor, 0, Int64(byteCount)) == 0)
        return file
    }

    private func write(_ file: OpenFile, _ byteCount: UInt64 = byteCount) throws {
        let zeros = [UInt8](repeating: 0, count: Int(byteCount))
        #expect(unsafe pwrite(file.descriptor, zeros, zeros.count, 0) == zeros.count)
        try file.synchronize()
    }

    private func map(_ file: OpenFile, _ byteCount: UInt64 = byteCount) throws -> ExtentMap {
        try ExtentMap(descriptor: file.descriptor, byteCount: byteCount)
    }

    /// The same places without what is said about them.
    private func places(_ map: ExtentMap) -> ExtentMap {
        let bare = map.extents.map {
            ExtentMap.Extent(logical: $0.logical, physical: $0.physical, byteCount: $0.byteCount, flags: 0)
        }
        return ExtentMap(reported: bare, byteCount: map.byteCount)
    }

    @Test("Allocated blocks are unwritten; writing zeros keeps them and makes them final", arguments: kinds)
    func allocated(kind: LoopMount.Kind) throws {
        let mount = try #require(LoopMount(kind))
        let file = try file(mount.path + "/file")
        let before = try map(file)
        #expect(before.disqualifier?.contains("is unwritten") == true && before.unwrittenShare == 1)
        #expect(lseek(file.descriptor, 0, 3 /* SEEK_DATA */) == -1 && errno == ENXIO)
        try write(file)
        let after = try map(file)
        #expect(after.disqualifier == nil && after.unwrittenShare == 0)
        #expect(cpm_seek_hole(file.descriptor, 0) == Int64(Self.byteCount))
        #expect(places(before) == after)
    }

    @Test("What XFS allocates behind the end of a growing file is no part of its map")
    func behindTheEnd() throws {
        let mount = try #require(LoopMount(.xfs))
        let file = try OpenFile(mount.path + "/file", flags: O_RDWR | O_CREAT, mode: 0o600)
        let part = [UInt8](repeating: 1, count: 1 << 20)
        for index in 0..<32 {
            #expect(unsafe pwrite(file.descriptor, part, part.count, off_t(index << 20)) == part.count)
        }
        try file.synchronize()
        let whole = try map(file, 64 << 20)
        let own = try map(file, 32 << 20)
        #expect(whole.extents.contains { $0.end > 32 << 20 }, "nothing was allocated ahead")
        #expect(own.disqualifier == nil && own.extents.last?.end == 32 << 20)
    }

    @Test("A range that is zeroed is unwritten again, and on XFS lies elsewhere", arguments: kinds)
    func zeroed(kind: LoopMount.Kind) throws {
        let mount = try #require(LoopMount(kind))
        let file = try file(mount.path + "/file")
        try write(file)
        let before = try map(file)
        let half = Self.byteCount / 2
        #expect(syscall(zeroing: file.descriptor, 0x10 /* ZERO_RANGE */, 0, half) == 0)
        let after = try map(file)
        #expect(after.disqualifier?.contains("is unwritten") == true && after.unwrittenShare == 0.5)
        #expect((places(after) == places(before)) == (kind == .ext4))
    }

    @Test(
        "Zeros that the device could write by itself are not needed: what is built is written",
        arguments: kinds)
    func writeZeroes(kind: LoopMount.Kind) throws {
        let mount = try #require(LoopMount(kind))
        let probe = try OpenFile(mount.path + "/probe", flags: O_RDWR | O_CREAT, mode: 0o600)
        // Loop devices cannot, nor can persistent memory.
        #expect(syscall(zeroing: probe.descriptor, 0x80 /* WRITE_ZEROES */, 0, 1 << 20) == EOPNOTSUPP)
        let file = try OpenFile(mount.path + "/file", flags: O_RDWR | O_CREAT, mode: 0o600)
        let directory = try OpenFile(mount.path, flags: O_RDONLY | O_DIRECTORY)
        let map = try PreallocationManager(directory: directory, stage: .opening).finalExtents(
            file, Self.byteCount)
        #expect(map.unwrittenShare == 0)
    }

    private func syscall(zeroing descriptor: Int32, _ mode: Int32, _ start: UInt64, _ byteCount: UInt64)
        -> Int32
    {
        cpm_fallocate_mode(descriptor, mode, Int64(start), Int64(byteCount)) == 0 ? 0 : errno
    }

    @Test(
        "Huge pages: whole on XFS that is made for them, not on others, and the report says so",
        arguments: [LoopMount.Kind.xfsAligned, .xfs])
    func alignment(kind: LoopMount.Kind) throws {
        let mount = try #require(LoopMount(kind))
        var options = StoreOptions()
        options.initialBytes = 128 << 20
        options.logBytes = 1 << 20
        let store = try Store.open(mount.store, options: options)
        let share = try #require(try store.preallocation.hugePageShare)
        #expect(kind == .xfsAligned ? share == 1 : share < 1)
        try store.close()
    }

    @Test("After mounting again the map is the same, in whatever pieces", arguments: kinds)
    func remounted(kind: LoopMount.Kind) throws {
        let mount = try #require(LoopMount(kind))
        try Fixture.create(mount.store)
        #expect(mount.remount())
        let directory = try Fixture.open(mount.store)
        #expect(directory.movedSegments.isEmpty)
        directory.close()
    }

    @Test("Growth beside another writer moves nothing that was there", arguments: kinds)
    func interleaved(kind: LoopMount.Kind) throws {
        let mount = try #require(LoopMount(kind, byteCount: 512 << 20))
        try Fixture.create(mount.store)
        let directory = try Fixture.open(mount.store)
        for step in 0..<40 {
            _ = try directory.grow(byteCount: 4 << 20)
            #expect(Shell.run("dd if=/dev/zero of='\(mount.path)/other-\(step)' bs=300K count=3 conv=fsync"))
            try directory.verifyExtents()
        }
        directory.close()
        #expect(mount.remount())
        let again = try Fixture.open(mount.store)
        #expect(again.movedSegments.isEmpty && again.segments.count == 41)
        again.close()
    }

    @Test("Growing, trimming and freezing the file system moves nothing", arguments: kinds)
    func upkeep(kind: LoopMount.Kind) throws {
        let mount = try #require(LoopMount(kind))
        var options = StoreOptions()
        options.initialBytes = 8 << 20
        options.logBytes = 1 << 20
        let store = try Store.open(mount.store, options: options)
        // ext4 grows for whoever has CAP_SYS_RESOURCE, which root may lack in a container.
        let may = "[ $((0x$(grep CapEff /proc/self/status | cut -f 2) >> 24 & 1)) = 1 ]"
        let grow = kind == .xfs ? "xfs_growfs '\(mount.path)'" : "{ ! \(may) || resize2fs \"$device\"; }"
        #expect(
            Shell.run(
                """
                device=$(findmnt -n -o SOURCE '\(mount.path)')
                truncate -s +64M '\(mount.image)' && losetup -c "$device" && \(grow) && fstrim '\(mount.path)'
                """))
        try store.verifyExtents()
        let commits = Atomic<Int>(0)
        let isOver = Atomic<Bool>(false)
        let writer = WorkloadThread {
            while !isOver.load(ordering: .relaxed) {
                do {
                    try store.write { tx in try tx.put("value", forKey: "key") }
                } catch {
                    Issue.record(error)
                    return
                }
                commits.add(1, ordering: .relaxed)
            }
        }
        // Commits wait for the thaw, and nobody is told an error.
        #expect(Shell.run("fsfreeze -f '\(mount.path)'; sleep 0.3; fsfreeze -u '\(mount.path)'"))
        let before = commits.load(ordering: .relaxed)
        while commits.load(ordering: .relaxed) < before + 3 { sched_yield() }
        isOver.store(true, ordering: .relaxed)
        writer.join()
        try store.verifyExtents()
        try store.close()
    }

    @Test(
        "What shares or moves blocks through an open file leaves no trace in the file's times",
        arguments: [
            ("FICLONE from it", LoopMount.Kind.xfs), ("XFS_IOC_SWAPEXT", .xfs), ("EXT4_IOC_MOVE_EXT", .ext4),
        ] as [(String, LoopMount.Kind)])
    func times(attack: String, kind: LoopMount.Kind) throws {
        let mount = try #require(LoopMount(kind))
        let file = try file(mount.path + "/file")
        try write(file)
        try write(try self.file(mount.path + "/other"))
        let (before, places) = (try file.status(), try map(file))
        let code = Attacks.run(
            attack, descriptor: file.descriptor, other: mount.path + "/other", spare: mount.path + "/spare",
            byteCount: Self.byteCount)
        #expect(code == 0, "error \(code)")
        let after = try file.status()
        #expect(
            before.st_ctim.tv_sec == after.st_ctim.tv_sec && before.st_ctim.tv_nsec == after.st_ctim.tv_nsec)
        #expect(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec)
        // FIEMAP sees what the times do not.
        #expect(try map(file) != places)
    }

    @Test("Unsharing on the own side moves the own blocks: only the other side may be unshared")
    func ownSide() throws {
        let shared = try #require(try SharedFile())
        let clone = try shared.clone("clone")
        #expect(cpm_unshare(shared.file.descriptor, 0, Int64(SharedFile.byteCount)) == 0)
        #expect(try shared.mapNow != shared.map)
        withExtendedLifetime(clone) {}
    }

    @Test("Unsharing a clone under a writer moves the writer's blocks: stores must stand still")
    func underAWriter() throws {
        var hasMoved = false
        for _ in 0..<20 where !hasMoved {
            let shared = try #require(try SharedFile())
            let clone = try shared.clone("clone")
            let isReady = Atomic<Bool>(false)
            let descriptor = clone.descriptor
            let unsharing = WorkloadThread {
                while !isReady.load(ordering: .acquiring) { sched_yield() }
                _ = cpm_unshare(descriptor, 0, Int64(SharedFile.byteCount))
            }
            isReady.store(true, ordering: .releasing)
            try shared.storeIntoEachPage()
            unsharing.join()
            try shared.file.synchronize()
            hasMoved = try shared.mapNow != shared.map
        }
        #expect(hasMoved)
    }
}
