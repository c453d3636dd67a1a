internal import CPmem
internal import Glibc
internal import PmemStoreTesting
import Testing

@testable internal import PmemStore

/// What files lie on, and what happens where there is no space for more.
@Suite("Extents: preallocation")
struct PreallocationTests {
    private static var options: StoreOptions {
        var options = StoreOptions()
        options.acceptsVolatileMedium = true
        options.initialBytes = 8 << 20
        options.logBytes = 1 << 20
        return options
    }

    @Test("The report says what a new store lies on, and grows with it", arguments: Place.allCases)
    func report(place: Place) throws {
        let fixture = try StoreFixture(place) { $0.initialBytes = 8 << 20 }
        let store = fixture.store
        let before = try store.preallocation
        #expect(before.files.count == 1 && before.byteCount == 8 << 20)
        #expect(before.unwrittenShare == 0)
        #expect(before.headroomBytes > 0 && before.headroomBytes <= before.byteCount)
        let isReported = place == .ordinaryFileSystem
        #expect((before.extents ?? 0 > 0) == isReported)
        #expect((before.hugePageShare.map { (0...1).contains($0) } ?? false) == isReported)
        let value = [UInt8](repeating: 7, count: 100_000)
        for number in 0..<120 { try store.write { tx in try tx.put(value, forKey: UInt8(number)) } }
        store.engine.stopMaintenance()
        let after = try store.preallocation
        #expect(after.files.count == store.statistics.segments && after.files.count > 1)
        #expect(after.byteCount == store.statistics.fileBytes)
        #expect(after.unwrittenShare == 0)
        // Sizes of segments differ, so the mean is between the least and the most.
        let shares = after.files.compactMap(\.hugePageShare)
        if let mean = after.hugePageShare, let least = shares.min(), let most = shares.max() {
            #expect(least <= mean && mean <= most)
        }
    }

    @Test(
        "A hole that somebody punches is in the report",
        .enabled(if: LoopMount.isAvailable(.ext4), "\(LoopMount.requirement)"))
    func hole() throws {
        let mount = try #require(LoopMount(.ext4))
        let store = try Store.open(mount.store, options: Self.options)
        defer { try? store.close() }
        #expect(Shell.run("fallocate -p -o 6MiB -l 1MiB '\(mount.store)/\(SegmentName.sealed(0))'"))
        #expect(try store.preallocation.unwrittenShare == 0.125)
        #expect(throws: StoreError.self) { try store.verifyExtents() }
    }

    @Test(
        "A disk that another file has filled is a typed error of growth, never a signal; nothing is lost",
        .enabled(if: LoopMount.isAvailable(.ext4) && !Guest.isHere, "\(LoopMount.requirement)"),
        arguments: [LoopMount.Kind.ext4, .xfs])
    func fullDisk(kind: LoopMount.Kind) throws {
        let mount = try #require(LoopMount(kind))
        let store = try Store.open(mount.store, options: Self.options)
        let filler = mount.path + "/filler"
        Self.fill(filler)
        let count = try fillUntilRefused(store)
        #expect(count > 0)
        #expect(try store.preallocation.unwrittenShare == 0)
        // What is there can be read, deleted, replaced and saved.
        try expectComplete(store, count)
        for number in 0..<10 { try store.write { tx in try tx.delete("key \(number)") } }
        try store.checkpoint()
        try store.checkpoint()
        for number in 0..<10 {
            try store.write { tx in try tx.put(Self.value(number), forKey: "key \(number)") }
        }
        try store.close()
        let again = try Store.open(mount.store, options: Self.options)
        try expectComplete(again, count)
        #expect(contents(of: mount.store).keys.allSatisfy { !$0.hasPrefix(".") })
        // With space on the disk, the same store goes on.
        #expect(unsafe unlink(filler) == 0)
        try again.write { tx in try tx.put([UInt8](repeating: 1, count: 4 << 20), forKey: "large") }
        #expect(again.statistics.segments > 1)
        try again.close()
    }

    /// In smaller and smaller pieces, until not a block is left.
    private static func fill(_ filler: String) {
        Shell.run(
            """
            for size in 1M 64K 4K; do
                while dd if=/dev/zero bs=$size count=1 oflag=append,sync conv=notrunc of='\(filler)'
                do :
                done
            done
            """)
    }

    @Test(
        "A hole that somebody has punched, and a full disk: a typed error, never a signal",
        .enabled(if: LoopMount.isAvailable(.ext4) && !Guest.isHere, "\(LoopMount.requirement)"),
        arguments: [LoopMount.Kind.ext4, .xfs])
    func holeOnFullDisk(kind: LoopMount.Kind) throws {
        let mount = try #require(LoopMount(kind))
        let segment = mount.store + "/" + SegmentName.sealed(0)
        try Store.open(mount.store, options: Self.options).close()
        // Held open from before, so that nobody is told.
        let file = try OpenFile(segment, flags: O_RDWR)
        let store = try Store.open(mount.store, options: Self.options)
        for number in 0..<20 {
            try store.write { tx in try tx.put(Self.value(number), forKey: "key \(number)") }
        }
        #expect(cpm_punch_hole(file.descriptor, 3 << 20, 5 << 20) == 0)
        Self.fill(mount.path + "/filler")
        var found: StoreError?
        for number in 20..<100_000 where found == nil {
            do {
                try store.write { tx in try tx.put(Self.value(number), forKey: "key \(number)") }
            } catch {
                found = error as? StoreError
            }
        }
        guard case .commit(.poisoned) = found else {
            Issue.record("\(String(describing: found))")
            return
        }
        try? store.close()
    }

    private static func value(_ number: Int) -> [UInt8] {
        [UInt8](repeating: UInt8(number & 255), count: 20_000)
    }

    /// Puts until there is no space; returns how many were acknowledged.
    private func fillUntilRefused(_ store: Store) throws -> Int {
        var count = 0
        while count < 100_000 {
            do {
                try store.write { tx in try tx.put(Self.value(count), forKey: "key \(count)") }
                count += 1
            } catch StoreError.commit(.noSpace(let path, let needed)) {
                #expect(path.hasSuffix(".building") && needed > 0)
                return count
            }
        }
        Issue.record("the disk was not full")
        return count
    }

    private func expectComplete(_ store: Store, _ count: Int) throws {
        let found = try store.read { tx in
            try (0..<count).count { try tx.get("key \($0)") == Self.value($0) }
        }
        #expect(found == count)
    }

    @Test(
        "A growth that is killed half way leaves nothing for the next opening to keep",
        arguments: Place.allCases)
    func killedGrowth(place: Place) async throws {
        let scratch = ScratchDirectory(place)
        try Store.open(scratch.store, options: Self.options).close()
        let seed = TestPlan.seeds([17])[0]
        var random = SeededGenerator(seed: seed)
        var debris = 0
        for _ in 0..<(6 * TestPlan.scale) {
            let delay = Int.random(in: 100...40_000, using: &random)
            await #expect(processExitsWith: .signal(SIGALRM)) {
                [path = scratch.store as String, delay = delay as Int] in
                let store = try Store.open(path, options: Self.options)
                let directory = try #require(store.ground as? SegmentDirectory)
                Self.die(inMicroseconds: delay)
                while true { _ = try directory.grow(byteCount: 64 << 20) }
            }
            debris += contents(of: scratch.store).keys.count { SegmentName.isBuilding($0) }
            let store = try Store.open(scratch.store, options: Self.options)
            #expect(!contents(of: scratch.store).keys.contains { SegmentName.isBuilding($0) })
            try store.verifyExtents()
            try store.close()
            // So that the next round begins with a small store: segments that no checkpoint names are nobody's.
            Shell.run(
                "rm -f '\(scratch.store)'/segment-00000[1-9].pmem '\(scratch.store)'/segment-0000[1-9]*.pmem")
        }
        #expect(debris > 0, "seed \(seed): no growth was killed half way")
    }

    @Test(
        "A creation that is killed half way is no store; the next one removes what it left",
        arguments: Place.allCases)
    func killedCreation(place: Place) async throws {
        let scratch = ScratchDirectory(place)
        var random = SeededGenerator(seed: TestPlan.seeds([18])[0])
        var debris = 0
        for _ in 0..<(4 * TestPlan.scale) {
            let delay = Int.random(in: 100...20_000, using: &random)
            await #expect(processExitsWith: .signal(SIGALRM)) {
                [path = scratch.path as String, delay = delay as Int] in
                Self.die(inMicroseconds: delay)
                var options = Self.options
                options.initialBytes = 256 << 20
                for number in 0... { try Store.open(path + "/store\(number)", options: options).close() }
            }
            debris += (try DirectoryListing.names(scratch.path)).count { $0.contains(".creating-") }
            for name in try DirectoryListing.names(scratch.path) where !name.contains(".creating-") {
                try Store.open(scratch.path + "/" + name, options: Self.options).close()
                Shell.run("rm -r '\(scratch.path)/\(name)'")
            }
            for number in 0..<4 {
                try Store.open(scratch.path + "/store\(number)", options: Self.options).close()
            }
            #expect(!(try DirectoryListing.names(scratch.path)).contains { $0.contains(".creating-") })
            Shell.run("rm -r '\(scratch.path)'/store*")
        }
        #expect(debris > 0)
    }

    /// After so long, the signal ends this process in the midst of whatever it does.
    private static func die(inMicroseconds delay: Int) {
        signal(SIGALRM, SIG_DFL)
        var timer = itimerval()
        timer.it_value.tv_usec = delay
        unsafe setitimer(__itimer_which_t(ITIMER_REAL.rawValue), &timer, nil)
    }
}
