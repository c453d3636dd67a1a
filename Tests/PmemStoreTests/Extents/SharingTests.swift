internal import CPmem
internal import Glibc
import Testing

@testable internal import PmemStore

/// Clones that make a file's blocks shared, and the end of it on the other side.
@Suite("Extents: sharing", .enabled(if: SharedFile.isPossible, "\(SharedFile.requirement)"))
struct SharingTests {
    private static let mib = 1 << 20

    /// What a clone takes, and where it puts it.
    struct Part: CustomTestStringConvertible, Sendable {
        let name: String
        let source: Int
        let byteCount: Int
        let place: Int
        var testDescription: String { name }
    }

    private static let parts = [
        Part(name: "whole", source: 0, byteCount: SharedFile.byteCount, place: 0),
        Part(name: "one page", source: 3 * mib, byteCount: 4096, place: 0),
        Part(name: "partial", source: mib, byteCount: 2 * mib, place: mib),
        Part(name: "shifted", source: 2 * mib, byteCount: 3 * mib, place: 64 * mib),
    ]

    @Test("The clone gets blocks of its own, the file keeps its own, nobody's bytes change", arguments: parts)
    func oneClone(part: Part) throws {
        let shared = try #require(try SharedFile())
        let clone = try shared.clone("clone", from: part.source, byteCount: part.byteCount, at: part.place)
        #expect(try shared.mapNow != shared.map)
        let report = try shared.endSharing()
        #expect(report.isBroken && report.rounds == 1, "\(report)")
        #expect(report.sharedBytes == UInt64(part.byteCount))
        #expect(report.owners.reduce(0) { $0 + $1.byteCount } == UInt64(part.byteCount))
        #expect(try Set(report.owners.map(\.inode)) == [UInt64(clone.status().st_ino)])
        #expect(try shared.mapNow == shared.map)
        try shared.storeIntoEachPage()
        #expect(try shared.mapNow == shared.map)
        #expect(shared.isKept(by: clone, at: part.place, from: part.source, byteCount: part.byteCount))
    }

    @Test("Several clones at once, one of them without a name, are all found")
    func manyClones() throws {
        let shared = try #require(try SharedFile())
        let clones = try Self.parts.map { part in
            try shared.clone(part.name, from: part.source, byteCount: part.byteCount, at: part.place)
        }
        let nameless = try shared.clone(
            "nameless", from: Self.mib, byteCount: SharedFile.byteCount - Self.mib)
        #expect(unsafe unlink(nameless.path) == 0)
        let report = try shared.endSharing()
        #expect(report.isBroken, "\(report)")
        #expect(Set(report.owners.map(\.inode)).count == clones.count + 1)
        #expect(try shared.mapNow == shared.map)
        try shared.storeIntoEachPage()
        #expect(try shared.mapNow == shared.map)
        let rest = SharedFile.byteCount - Self.mib
        #expect(shared.isKept(by: nameless, from: Self.mib, byteCount: rest))
    }

    @Test("Where nothing is shared, nothing is done")
    func unshared() throws {
        let shared = try #require(try SharedFile())
        let report = try shared.endSharing()
        #expect(report == SharingReport())
        #expect(report.complaint == nil)
    }

    @Test("Control: without the repair, stores move the file's blocks")
    func withoutRepair() throws {
        let shared = try #require(try SharedFile())
        let clone = try shared.clone("clone")
        try shared.storeIntoEachPage()
        try shared.file.synchronize()
        let moved = try zip(shared.mapNow.extents, shared.map.extents).contains { $0.physical != $1.physical }
        #expect(try moved || shared.mapNow.extents.count != shared.map.extents.count)
        #expect(shared.isKept(by: clone))
    }

    @Test("An immutable clone is named, with the remedy; after it, the sharing ends")
    func immutableClone() throws {
        let shared = try #require(try SharedFile())
        let clone = try shared.clone("clone")
        var flags: Int32 = 0
        #expect(unsafe cpm_get_flags(clone.descriptor, &flags) == 0)
        var sealed = flags | CPM_FLAG_IMMUTABLE
        #expect(unsafe cpm_set_flags(clone.descriptor, &sealed) == 0)
        let refused = try shared.endSharing()
        #expect(!refused.isBroken && refused.rounds == 1)
        #expect(refused.remainingBytes == UInt64(SharedFile.byteCount))
        let inode = try clone.status().st_ino
        #expect(refused.complaint?.contains("inode \(inode): it is immutable") == true, "\(refused)")
        #expect(refused.complaint?.contains("chattr -i") == true)
        #expect(unsafe cpm_set_flags(clone.descriptor, &flags) == 0)
        #expect(try shared.endSharing().isBroken)
        #expect(try shared.mapNow == shared.map)
    }

    @Test("A file that shares blocks with itself is not moved, and said to")
    func withinItself() throws {
        let shared = try #require(try SharedFile())
        var request = cpm_clone_part_request()
        request.source = Int64(shared.file.descriptor)
        request.byteCount = UInt64(Self.mib)
        request.destinationOffset = UInt64(4 * Self.mib)
        #expect(unsafe cpm_clone_part(shared.file.descriptor, &request) == 0)
        let before = try shared.mapNow
        let report = try shared.endSharing()
        #expect(!report.isBroken)
        #expect(report.complaint?.contains("with itself") == true)
        #expect(try shared.mapNow == before)
    }

    @Test(
        "Without a reverse map the owners stay unknown, and the report says what is needed",
        .enabled(if: !Guest.isHere, "the guest's file system has a reverse map"))
    func withoutReverseMap() throws {
        let shared = try #require(try SharedFile(.xfsWithoutOwners))
        let clone = try shared.clone("clone")
        let report = try shared.endSharing()
        #expect(report.remainingBytes == UInt64(SharedFile.byteCount) && report.owners.isEmpty)
        #expect(report.complaint?.contains("rmapbt=1") == true)
        #expect(shared.isKept(by: clone))
    }
}
