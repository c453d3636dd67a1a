internal import CPmem
internal import Glibc
internal import StoreWorkloads
import Testing

@testable internal import PmemStore

/// Each damaged or foreign store is refused by its own error, and not a byte of it changes.
@Suite("Extents: refusals")
struct OpenRefusalTests {
    /// Damages a store of two segments and says how opening it was refused.
    private func refusal(
        _ place: Place = .volatileMemory, _ damage: (_ store: String) -> Void
    ) throws -> StoreError? {
        let scratch = ScratchDirectory(place)
        try Fixture.create(scratch.store)
        let directory = try Fixture.open(scratch.store)
        _ = try directory.grow(byteCount: 4 << 20)
        directory.close()
        damage(scratch.store)
        let before = contents(of: scratch.store)
        let error = Fixture.refusal(scratch.store)
        #expect(contents(of: scratch.store) == before)
        return error
    }

    private func isNotAStore(_ error: StoreError?, _ reason: String) -> Bool {
        guard case .open(.notAStore(_, let found)) = error else { return false }
        return found.contains(reason)
    }

    @Test("Nothing at the path")
    func missing() {
        let scratch = ScratchDirectory(.volatileMemory)
        #expect(Fixture.refusal(scratch.store) == .open(.missing(path: scratch.store)))
        #expect(contents(of: scratch.path).isEmpty)
    }

    @Test("A file, a foreign directory, a dangling link")
    func foreign() {
        let scratch = ScratchDirectory(.volatileMemory)
        #expect(Shell.run("cd '\(scratch.path)' && touch file && mkdir directory && ln -s nowhere link"))
        #expect(isNotAStore(Fixture.refusal(scratch.path + "/file"), "not a directory"))
        #expect(isNotAStore(Fixture.refusal(scratch.path + "/directory"), "segment-000000.pmem"))
        #expect(isNotAStore(Fixture.refusal(scratch.path + "/link"), "symbolic link"))
        #expect(contents(of: scratch.path + "/directory").isEmpty)
    }

    @Test("A store behind a symbolic link opens, and is the same store")
    func link() throws {
        let scratch = ScratchDirectory(.volatileMemory)
        try Fixture.create(scratch.store)
        let link = scratch.path + "/link"
        #expect(unsafe symlink("store", link) == 0)
        let directory = try Fixture.open(link)
        defer { directory.close() }
        #expect(Fixture.refusal(scratch.store) == .open(.inUse(path: scratch.store, pid: getpid())))
    }

    @Test("Wrong magic")
    func magic() throws {
        let error = try refusal { overwrite(Fixture.segment(0, of: $0), at: 0, with: [0]) }
        #expect(isNotAStore(error, "does not begin like a segment"))
    }

    @Test("Newer format")
    func version() throws {
        let error = try refusal { overwrite(Fixture.segment(1, of: $0), at: 8, with: [2]) }
        guard case .open(.newerFormat(_, 2, 1)) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("A flipped bit anywhere in the header", arguments: [12, 40, 41, 100, 4095])
    func checksum(offset: Int) throws {
        let error = try refusal { overwrite(Fixture.segment(0, of: $0), at: offset, with: [0xa5]) }
        guard case .corrupted(let corruption) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(corruption.structure == .segmentHeader)
        #expect(corruption.offset == 0)
    }

    @Test("Sizes that cannot be, under a right checksum", arguments: [0, 1, 2 << 20, UInt64.max, 1 << 63])
    func impossibleSize(byteCount: UInt64) throws {
        let error = try refusal { store in
            Fixture.editHeader(Fixture.segment(1, of: store)) { $0.byteCount = byteCount }
        }
        guard case .corrupted(let corruption) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(corruption.offset == 4 << 20)
    }

    @Test("Other fields that do not follow, under a right checksum")
    func inconsistentFields() throws {
        let edits: [(inout cpm_segment_header) -> Void] = [
            { $0.baseOffset = 2 << 20 }, { $0.chunkCount = 1 }, { $0.reservedBytes = 0 },
            { $0.chunkTableOffset = .max }, { $0.logOffset = 4096 }, { $0.logBytes = .max },
        ]
        for edit in edits {
            let error = try refusal { Fixture.editHeader(Fixture.segment(1, of: $0), edit) }
            guard case .corrupted = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
        }
    }

    @Test("A shortened file", arguments: [0, 100, 4096, (4 << 20) - 1], [0, 1])
    func truncated(bytes: UInt64, index: Int) throws {
        let error = try refusal { unsafe truncate(Fixture.segment(index, of: $0), off_t(bytes)) }
        guard case .open(.truncated(_, let expected, let found)) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(expected == (bytes < 4096 ? 4096 : 4 << 20))
        #expect(found == bytes)
    }

    @Test("A gap in the segment numbers")
    func gap() throws {
        for (command, index) in [
            ("mv segment-000001.pmem segment-000002.pmem", 1), ("rm segment-000000.pmem", 0),
        ] {
            var path = ""
            let error = try refusal {
                path = $0
                Shell.run("cd '\($0)' && \(command)")
            }
            #expect(error == .open(.missingSegment(path: path, index: index)))
        }
    }

    @Test("Segments that changed places, or belong to another store")
    func misplaced() throws {
        let swapped = try refusal {
            Shell.run("cd '\($0)' && rm segment-000000.pmem && mv segment-000001.pmem segment-000000.pmem")
        }
        #expect(isNotAStore(swapped, "segment 1 by its header"))
        let foreign = try refusal {
            Fixture.editHeader(Fixture.segment(1, of: $0)) { $0.storeIdentifier.0 ^= 1 }
        }
        #expect(isNotAStore(foreign, "another store"))
    }

    @Test("A segment that is a link, a directory or a pipe")
    func notAFile() throws {
        let link = try refusal {
            Shell.run("cd '\($0)' && mv segment-000001.pmem x && ln -s x segment-000001.pmem")
        }
        #expect(isNotAStore(link, "symbolic link"))
        let directory = try refusal {
            Shell.run("cd '\($0)' && rm segment-000001.pmem && mkdir segment-000001.pmem")
        }
        #expect(isNotAStore(directory, "directory"))
        let pipe = try refusal {
            Shell.run("cd '\($0)' && rm segment-000001.pmem && mkfifo segment-000001.pmem")
        }
        #expect(isNotAStore(pipe, "not a regular file"))
    }

    @Test("A hole in the file", arguments: Place.allCases)
    func hole(place: Place) throws {
        let error = try refusal(place) {
            Shell.run(
                "fallocate --punch-hole -o 1MiB -l 64KiB '\(Fixture.segment(1, of: $0))' && sync '\($0)'")
        }
        guard case .open(.extentsChanged(_, let reason)) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.hasPrefix("byte 1048576 is in a hole"))
        #expect(reason.contains("cp --reflink=never --sparse=never"), "the remedy is missing")
    }

    @Test("A medium that forgets, unless the options accept it")
    func volatileMedium() throws {
        let scratch = ScratchDirectory(.volatileMemory)
        try Fixture.create(scratch.store)
        let before = contents(of: scratch.store)
        let error = Fixture.refusal(scratch.store, StoreOptions())
        #expect(contents(of: scratch.store) == before)
        guard case .open(.volatileMedium(_, let reason)) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("acceptsVolatileMedium"))
    }

    @Test("Elided fences on a medium that does not forget")
    func elidedFences() throws {
        let scratch = ScratchDirectory(.ordinaryFileSystem)
        try Fixture.create(scratch.store)
        var options = Fixture.options
        options.elidesFencesOnVolatileMedium = true
        guard
            case .open(.invalidOption("elidesFencesOnVolatileMedium", _)) = Fixture.refusal(
                scratch.store, options)
        else {
            Issue.record("not refused")
            return
        }
    }

    @Test("In use by this process")
    func inUseHere() throws {
        let scratch = ScratchDirectory(.volatileMemory)
        try Fixture.create(scratch.store)
        let directory = try Fixture.open(scratch.store)
        #expect(Fixture.refusal(scratch.store) == .open(.inUse(path: scratch.store, pid: getpid())))
        directory.close()
        #expect(Fixture.refusal(scratch.store) == nil)
    }

    @Test("Processes that are being started do not keep a closed store locked, nor its lease from us")
    func spawning() throws {
        let scratch = ScratchDirectory(.volatileMemory)
        try Fixture.create(scratch.store)
        let spawner = WorkloadThread { for _ in 0..<50 { Shell.run("true") } }
        defer { spawner.join() }
        for _ in 0..<50 {
            let directory = try Fixture.open(scratch.store)
            #expect(directory.lease.level == .noticeBeforeChange)
            directory.close()
        }
    }

    @Test("In use by another process", arguments: Place.allCases)
    func inUseElsewhere(place: Place) async throws {
        let scratch = ScratchDirectory(place)
        let store = scratch.store
        try Fixture.create(store)
        let directory = try Fixture.open(store)
        await #expect(processExitsWith: .success) { [store = store as String] in
            let error = Fixture.refusal(store)
            exit(error == .open(.inUse(path: store, pid: getppid())) ? EXIT_SUCCESS : EXIT_FAILURE)
        }
        #expect(directory.lease.level == .noticeBeforeChange)
        directory.close()
    }

    @Test("A file system mounted read-only", .enabled(if: getuid() == 0, "mounting needs root"))
    func readOnly() throws {
        let scratch = ScratchDirectory(.ordinaryFileSystem)
        try Fixture.create(scratch.store)
        let view = scratch.path + "/view"
        let mount = "mkdir '\(view)' && mount --bind '\(scratch.store)' '\(view)'"
        try #require(Shell.run("\(mount) && mount -o remount,bind,ro '\(view)'"))
        defer { Shell.run("umount '\(view)'") }
        #expect(Fixture.refusal(view) == .open(.system(call: "open", path: view + "/lock", code: EROFS)))
    }
}
