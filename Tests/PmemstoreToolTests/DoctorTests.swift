import Foundation
import PmemStore
import Testing

@testable import pmemstore

@Suite("pmemstore doctor")
struct DoctorTests {
    @Test("A directory without a store: what one would get there", arguments: ["/dev/shm", "/var/tmp"])
    func place(root: String) throws {
        let scratch = try ScratchDirectory(in: root)
        let report = try DoctorReport(path: scratch.path)
        let place = try #require(report.place)
        // What the doctor says of a place is what a store there finds.
        let store = try Store.open(scratch.store, options: ScratchDirectory.options)
        #expect(place.persistence.value == store.persistence.domain.rawValue)
        #expect(place.fileSystem == store.persistence.fileSystem)
        #expect(place.grantsMapSync == store.persistence.mapSync)
        try store.close()
        #expect(report.store == nil && report.problems.isEmpty)
        #expect(report.advice.contains { $0.hasPrefix("persistence: ") })
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["store"])
    }

    @Test("A store that nobody uses: commits, extents, nothing wrong; text and JSON")
    func closed() throws {
        let scratch = try ScratchDirectory(in: "/var/tmp")
        try scratch.makeStore()
        let report = try DoctorReport(path: scratch.store)
        let store = try #require(report.store)
        #expect(!store.isInUse && store.commit == 3 && store.wasClosed == true)
        let segment = try #require(store.segments.first)
        #expect(segment.bytes == 8 << 20)
        #expect(segment.sharedBytes == 0 && segment.seal == "" && !segment.hasMoved)
        #expect(segment.extents?.allSatisfy { $0.flags == "0x0" } == true)
        #expect(report.problems.isEmpty)

        let text = try Tool("doctor", scratch.store)
        #expect(text.code == 0 && text.error.isEmpty)
        #expect(text.output.hasPrefix("\(scratch.store): a store that nobody uses\n"))
        #expect(text.output.contains("commit 3, generation"))
        let json = try Tool("doctor", scratch.store, "--format", "json")
        let decoded = try JSONDecoder().decode(DoctorReport.self, from: Data(json.output.utf8))
        #expect(decoded.store == report.store && decoded.advice == report.advice)
    }

    @Test(
        "A store in use is visited: extents and newest checkpoint, and its owner goes on",
        arguments: ["/dev/shm", "/var/tmp"])
    func visited(root: String) throws {
        let scratch = try ScratchDirectory(in: root)
        let store = try Store.open(scratch.store, options: ScratchDirectory.options)
        try store.write { tx in try tx.put("value", forKey: "key") }
        try store.checkpoint()
        let tool = try Tool("doctor", scratch.store, "--format", "json")
        #expect(tool.code == 0, "\(tool.error)")
        let report = try JSONDecoder().decode(DoctorReport.self, from: Data(tool.output.utf8))
        let state = try #require(report.store)
        #expect(state.isInUse && state.owner == getpid() && state.leaseHeld == "noticeBeforeChange")
        #expect(state.commit == 1 && state.wasClosed == false)
        let segment = try #require(state.segments.first)
        #expect(segment.isLeased && !segment.hasMoved && segment.unwrittenShare == 0)
        let places = try store.preallocation.files[0].extents
        #expect(segment.extents?.count == places ?? 0)
        #expect(!report.advice.contains { $0.contains("not measured") })
        let text = try Tool("doctor", scratch.store)
        #expect(text.output.contains("commit 1, generation 2, the log may have newer commits"))
        try store.write { tx in try tx.put("value", forKey: "key") }
        try store.verifyExtents()
        #expect(store.statistics.visits > 0)
        try store.close()
    }

    @Test("A store whose process is stopped does not keep the doctor waiting")
    func stopped() throws {
        let scratch = try ScratchDirectory()
        try scratch.makeStore()
        let begun = ContinuousClock.now
        // Nobody answers for this lease, as in a process that is stopped.
        let file = unsafe open(scratch.store + "/segment-000000.pmem", O_RDWR)
        defer { close(file) }
        // Announced by a signal that nobody minds; the default ends the process.
        #expect(fcntl(file, 10 /* F_SETSIG */, SIGURG) == 0)
        #expect(fcntl(file, 1024 /* F_SETLEASE */, F_WRLCK) == 0)
        let lock = unsafe open(scratch.store + "/lock", O_RDWR)
        defer { close(lock) }
        var request = flock()
        request.l_type = Int16(F_WRLCK)
        request.l_len = 1
        #expect(unsafe fcntl(lock, 37 /* F_OFD_SETLK */, &request) == 0)
        let tool = try Tool("doctor", scratch.store)
        #expect(tool.code == 0, "\(tool.output)")
        #expect(tool.output.contains("in use") && tool.output.contains("not visited"), "\(tool.output)")
        #expect(ContinuousClock.now - begun < .seconds(30))
    }

    @Test("Without a visit, a store in use is not opened: its owner is named, its lease is not disturbed")
    func inUse() throws {
        let scratch = try ScratchDirectory()
        let store = try Store.open(scratch.store, options: ScratchDirectory.options)
        let watch = inotify_init1(Int32(IN_NONBLOCK))
        defer { close(watch) }
        let segment = scratch.store + "/segment-000000.pmem"
        #expect(unsafe inotify_add_watch(watch, segment, UInt32(IN_OPEN)) >= 0)
        let tool = try Tool("doctor", scratch.store, "--format", "json", "--no-visit")
        var events = [UInt8](repeating: 0, count: 4096)
        #expect(unsafe read(watch, &events, events.count) < 0 && errno == EAGAIN)
        #expect(tool.code == 0, "\(tool.error)")
        let report = try JSONDecoder().decode(DoctorReport.self, from: Data(tool.output.utf8))
        let state = try #require(report.store)
        #expect(state.isInUse && state.owner == getpid() && state.leaseHeld == "noticeBeforeChange")
        #expect(state.segments.first?.extents == nil && state.segments.first?.isLeased == true)
        try store.write { tx in try tx.put("value", forKey: "key") }
        try store.close()
    }

    @Test(
        "Damage is named, and the exit code is 1",
        arguments: [
            (0, [UInt8](repeating: 0, count: 8), "does not begin like a segment"),
            (100, [0xff], "damaged segmentHeader at byte 0"),
            (
                4096, [UInt8](repeating: 0, count: 65536 * 2),
                "damaged superblock at byte 4096: neither copy is valid"
            ),
        ] as [(UInt64, [UInt8], String)])
    func damaged(offset: UInt64, bytes: [UInt8], text: String) throws {
        let scratch = try ScratchDirectory()
        try scratch.makeStore()
        try scratch.overwriteSegment(at: offset, with: bytes)
        let tool = try Tool("doctor", scratch.store)
        #expect(tool.code == 1)
        #expect(tool.output.contains("problem") && tool.output.contains(text), "\(tool.output)")
    }

    @Test("A cut file and a missing segment are named")
    func incomplete() throws {
        let scratch = try ScratchDirectory()
        try scratch.makeStore()
        let segment = scratch.store + "/segment-000000.pmem"
        #expect(unsafe truncate(segment, 6 << 20) == 0)
        let cut = try Tool("doctor", scratch.store)
        #expect(cut.code == 1 && cut.output.contains("was cut to 6291456 of 8388608 bytes"))
        #expect(unsafe rename(segment, scratch.store + "/segment-000001.pmem") == 0)
        let missing = try Tool("doctor", scratch.store)
        #expect(missing.code == 1 && missing.output.contains("segment 0 of"))
    }

    @Test("Paths and command lines that cannot be: one line, and a code of their own")
    func refused() throws {
        let missing = try Tool("doctor", "/no/such/place")
        #expect(missing.code == 2 && missing.error == "pmemstore: nothing is at /no/such/place\n")
        let file = try Tool("doctor", "/etc/passwd")
        #expect(file.code == 1 && file.error.contains("/etc/passwd is no store: it is not a directory"))
        let unknown = try Tool("doctor", "--what")
        #expect(unknown.code == 64 && unknown.error.split(separator: "\n").count == 1)
        #expect(try Tool("--help").code == 0)
    }

    @Test("A place where nothing can be tried out is said to be one")
    func readOnly() throws {
        let report = try DoctorReport(path: "/proc")
        #expect(report.place == nil && report.placeProblem?.contains("/proc") == true)
        #expect(report.text.contains("not tried out"))
    }
}

@Suite("pmemstore backup")
struct BackupCommandTests {
    @Test("A store that nobody uses is copied, one in use is not, nor onto something")
    func copies() throws {
        let scratch = try ScratchDirectory()
        try scratch.makeStore()
        let copy = scratch.path + "/copy"
        let tool = try Tool("backup", scratch.store, copy, "--accept-volatile")
        #expect(tool.code == 0 && tool.output.hasPrefix("commit 3: 3 pairs, 18 bytes"), "\(tool.error)")
        let again = try Tool("backup", scratch.store, copy, "--accept-volatile")
        #expect(again.code == 1 && again.error.contains("is there already"))
        let volatile = try Tool("backup", scratch.store, copy + "2")
        #expect(volatile.code == 1 && volatile.error.contains("forgets at a power cut"))
        let store = try Store.open(copy, options: ScratchDirectory.options)
        let value = try store.read { tx in try tx.get(UInt8(2)) }
        #expect(value == Array("value".utf8))
        let busy = try Tool("backup", copy, copy + "2", "--accept-volatile")
        #expect(busy.code == 1 && busy.error.contains("in use by process \(getpid())"))
        try store.close()
    }
}
