import Testing

@testable internal import PmemStore

/// A file has its name only when its contents are durable, and whoever is told of it finds the name after a power cut.
@Suite("Faults: order of syncs")
struct SyncOrderTests {
    private static func calls(_ what: String) throws -> [Substring] {
        let scratch = ScratchDirectory(.volatileMemory)
        let run = Probe.run(["calls", scratch.path])
        try #require(run.code == 0, "\(run.output)")
        return run.output.split(separator: "\n").compactMap { line in
            line.hasPrefix(what + " ") ? line.dropFirst(what.count + 1) : nil
        }
    }

    @Test(
        "Opening syncs the store's directory and the one above: their names may have no sync yet"
    )
    func opening() throws {
        let calls = try Self.calls("open")
        if calls.isEmpty { return }
        #expect(calls.count { $0 == "fsync" } == 2, "\(calls)")
    }

    @Test(
        "What is written is synced before it is renamed, and then its directory",
        arguments: ["create", "grow"])
    func renames(what: String) throws {
        let calls = try Self.calls(what)
        // Where a sanitizer has its own idea of these functions, none is counted.
        if calls.isEmpty { return }
        let renames = calls.indices.filter { calls[$0] == "renameat2" }
        #expect(what == "create" ? renames.count == 2 : !renames.isEmpty)
        for (number, rename) in renames.enumerated() {
            let before = calls[..<rename]
            let written = try #require(before.lastIndex(of: "pwrite"))
            let isSynced = before[written...].contains { $0 == "fdatasync" || $0 == "fsync" }
            #expect(isSynced, "\(before)")
            let end = number + 1 < renames.count ? renames[number + 1] : calls.count
            #expect(calls[rename..<end].contains("fsync"), "\(calls[rename..<end])")
        }
    }
}
