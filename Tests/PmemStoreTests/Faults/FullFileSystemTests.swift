internal import Glibc
import Testing

@testable internal import PmemStore

/// A real file system that is full, at every point of what needs space: a file beside the store leaves it more and
/// more, from nothing until it suffices.
@Suite(
    "Faults: full file systems",
    .enabled(if: LoopMount.isAvailable(.ext4) && !Guest.isHere, "\(LoopMount.requirement)"))
struct FullFileSystemTests {
    private static let step = 256 << 10

    private static var options: StoreOptions {
        var options = StoreOptions()
        options.initialBytes = 4 << 20
        options.logBytes = 64 << 10
        return options
    }

    private static func value(_ number: Int, _ count: Int) -> [UInt8] {
        [UInt8](repeating: UInt8(number & 0xff), count: count)
    }

    /// Takes all but `left` bytes of the file system away, for as long as `body` runs.
    private static func leaving(_ left: Int, on mount: LoopMount, _ body: () throws -> Void) throws {
        let path = mount.path + "/ballast"
        let file = try OpenFile(path, flags: O_RDWR | O_CREAT, mode: 0o600)
        defer { unsafe unlink(path) }
        // What was given back counts as free at once, but can be taken only when the journal has said so.
        #expect(fsync(file.descriptor) == 0)
        var status = statvfs()
        try #require(unsafe statvfs(mount.path, &status) == 0)
        var taken = Int(status.f_bfree) * Int(status.f_bsize) - left
        // Some blocks are the file system's own.
        while taken > 0, posix_fallocate(file.descriptor, 0, off_t(taken)) == ENOSPC { taken -= 16 << 10 }
        try body()
    }

    /// Whether an error says that there is no space.
    private static func isNoSpace(_ error: any Error) -> Bool {
        switch error as? StoreError {
        case .commit(.noSpace), .commit(.full): true
        case .open(.system(_, _, let code)), .commit(.system(_, _, let code)): code == ENOSPC
        default: false
        }
    }

    /// Runs `body` with more and more space, until it succeeds; `check` looks at what each failure has left.
    private static func sweep(
        _ mount: LoopMount, to limit: Int, _ body: () throws -> Void, afterFailure check: () throws -> Void
    ) throws -> Int {
        var failures = 0
        for left in stride(from: 0, through: limit, by: step) {
            var failure: (any Error)?
            try leaving(left, on: mount) {
                do { try body() } catch { failure = error }
                guard let failure else { return }
                failures += 1
                #expect(isNoSpace(failure), "\(left) bytes left: \(failure)")
                try check()
            }
            if failure == nil { return failures }
        }
        Issue.record("\(limit) bytes do not suffice")
        return failures
    }

    private static func names(_ mount: LoopMount) throws -> Set<String> {
        Set(try DirectoryListing.names(mount.path)).subtracting(["lost+found", "ballast"])
    }

    /// The store is low on space, so that growth goes on trying in the background: a file under construction may be
    /// there for a moment, but none stays.
    private static func endsWithoutDebris(_ mount: LoopMount) throws -> Bool {
        for _ in 0..<100_000 {
            let names = try DirectoryListing.names(mount.store)
            if !names.contains(where: { $0.hasSuffix(".building") }) { return true }
            sched_yield()
        }
        return false
    }

    @Test("Creation fails without a trace until there is space enough")
    func create() throws {
        let mount = try #require(LoopMount(.ext4, byteCount: 96 << 20))
        let failures = try Self.sweep(mount, to: 8 << 20) {
            try Store.open(mount.store, options: Self.options).close()
        } afterFailure: {
            let names = try Self.names(mount)
            #expect(names.isEmpty)
        }
        #expect(failures >= 4_000_000 / Self.step)
        let store = try Store.open(mount.store, options: Self.options)
        try store.write { tx in try tx.put("value", forKey: "key") }
        try store.close()
    }

    @Test("A large value, and the growth that it needs, fails as a whole until there is space enough")
    func largeValue() throws {
        let mount = try #require(LoopMount(.ext4, byteCount: 96 << 20))
        let store = try Store.open(mount.store, options: Self.options)
        try store.write { tx in try tx.put(Self.value(1, 100), forKey: "small") }
        var commits = 0
        let failures = try Self.sweep(mount, to: 40 << 20) {
            try store.write { tx in try tx.put(Self.value(2, 16 << 20), forKey: "large") }
        } afterFailure: {
            // The store goes on: reads, small commits, checkpoints.
            #expect(try store.read { tx in try tx.get("small") } == Self.value(1, 100))
            #expect(try store.read { tx in try tx.contains("large") } == false)
            try store.write { tx in try tx.put(Self.value(3, 10), forKey: "commit") }
            try store.checkpoint()
            commits += 1
            #expect(try Self.endsWithoutDebris(mount))
        }
        #expect(failures > 2 && commits == failures)
        try store.close()
        let reopened = try Store.open(mount.store, options: Self.options)
        #expect(try reopened.read { tx in try tx.get("large") } == Self.value(2, 16 << 20))
        #expect(try reopened.read { tx in try tx.get("commit") } == Self.value(3, 10))
        try reopened.close()
    }

    @Test("A backup fails without a trace until there is space enough")
    func backup() throws {
        let mount = try #require(LoopMount(.ext4, byteCount: 96 << 20))
        let store = try Store.open(mount.store, options: Self.options)
        for number in 0..<20 {
            try store.write { tx in try tx.put(Self.value(number, 30_000), forKey: "key \(number)") }
        }
        let copy = mount.path + "/copy"
        let failures = try Self.sweep(mount, to: 32 << 20) {
            try store.backup(to: copy, options: Self.options)
        } afterFailure: {
            let names = try Self.names(mount)
            #expect(names == ["store"])
            try store.write { tx in try tx.put("still", forKey: "alive") }
        }
        #expect(failures >= 4_000_000 / Self.step)
        try store.close()
        let backup = try Store.open(copy, options: Self.options)
        for number in 0..<20 {
            #expect(try backup.read { tx in try tx.get("key \(number)") } == Self.value(number, 30_000))
        }
        try backup.close()
    }
}
