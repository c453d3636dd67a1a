internal import CPmem
internal import Glibc
import Testing

@testable internal import PmemStore

/// What only real persistent memory shows: these fail, and are not skipped, where the guest has none.
@Suite("DAX: a store on persistent memory", .enabled(if: Guest.isHere, "\(Guest.requirement)"))
struct RealDAXTests {
    @Test("The kernel calls the file DAX and grants MAP_SYNC")
    func isReal() throws {
        let scratch = ScratchDirectory(.ordinaryFileSystem)
        let file = try OpenFile(scratch.path + "/file", flags: O_RDWR | O_CREAT, mode: 0o600)
        #expect(cpm_fallocate(file.descriptor, 0, 4096) == 0)
        #expect(cpm_is_dax(file.descriptor) == 1)
        #expect(Mapping.grantsSync(descriptor: file.descriptor))
    }

    @Test("The store finds its domain and commits by fences alone")
    func domain() throws {
        let fixture = try StoreFixture(.ordinaryFileSystem) { $0.acceptsVolatileMedium = false }
        let persistence = fixture.store.persistence
        #expect(persistence.domain.rawValue == Guest.domain)
        #expect(persistence.isDAX && persistence.mapSync && persistence.isDurable)
        #expect(persistence.fileSystem == Guest.fileSystem?.split(separator: "-").first.map(String.init))
        let before = fixture.store.statistics.commitMedium
        for number in 0..<30 { try fixture.store.write { tx in try tx.put("value", forKey: UInt8(number)) } }
        let after = fixture.store.statistics.commitMedium
        #expect(after.fences - before.fences == 30)
        #expect(after.syncCalls == 0)
        #expect(fixture.store.lease.level >= .noticeBeforeChange, "\(fixture.store.lease.reason)")
        try fixture.reopenAsIfKilled()
        #expect(fixture.store.openReport.replayedOperations == 30)
        try #expect(fixture.store.read { tx in try tx.count() } == 30)
    }

    @Test("Growth keeps all maps, with final extents")
    func growth() throws {
        let fixture = try StoreFixture(.ordinaryFileSystem) { $0.initialBytes = 8 << 20 }
        let value = [UInt8](repeating: 7, count: 100_000)
        for number in 0..<120 { try fixture.store.write { tx in try tx.put(value, forKey: UInt8(number)) } }
        #expect(fixture.store.statistics.segments > 1)
        try fixture.store.verifyExtents()
        try fixture.reopen()
        try fixture.store.verifyExtents()
        try #expect(fixture.store.read { tx in try tx.count() } == 120)
    }
}

/// The two halves of a power cut: the guest is killed in the first, and booted again on the same NVDIMM for the second.
@Suite("DAX: power cut", .enabled(if: Guest.isHere, "\(Guest.requirement)"))
struct GuestPowerCutTests {
    private static let role = Guest.variable("PMEMSTORE_DAX_ROLE")

    @Test(
        "Commits and tells the host, until the guest is killed", .enabled(if: role == "load", "for its boot"))
    func load() throws {
        var options = NumberedCommits.options
        options.acceptsVolatileMedium = false
        let store = try Store.open(Guest.store, options: options)
        let host = try OpenFile(Guest.acknowledgements, flags: O_WRONLY)
        var next = try NumberedCommits.newest(store) + 1
        while true {
            try NumberedCommits.commit(next, to: store)
            let line = [UInt8](text: "\(next)\n")
            #expect(unsafe write(host.descriptor, line, line.count) == line.count)
            next += 1
        }
    }

    @Test(
        "Every acknowledged commit is there, and at most one more",
        .enabled(if: role == "verify", "for its boot"))
    func verify() throws {
        let acknowledged = try #require(Guest.variable("PMEMSTORE_DAX_ACKNOWLEDGED").flatMap { UInt64($0) })
        let store = try Store.open(Guest.store, options: NumberedCommits.options)
        #expect(store.persistence.mapSync)
        let found = try NumberedCommits.verify(store)
        try store.verifyExtents()
        try store.close()
        print("power cut: \(acknowledged) commits acknowledged, \(found) found")
        #expect(acknowledged > 0)
        #expect(found == acknowledged || found == acknowledged + 1)
    }
}
