internal import CLeaseAttacks
internal import Glibc
import Testing

@testable internal import PmemStore

/// A daemon of the host's that lets nobody but the store's process open its files, by permission events of fanotify.
@Suite(
    "Lease: a daemon that denies openings",
    .enabled(
        if: LeaseFixture.areAvailable && MatrixProgram.path != nil && Denier.isPossible,
        "needs root, the program of the matrix and permission events"))
struct DenierTests {
    @Test(
        "Nobody gets in, the lease holds, commits go on; without the daemon, openings are visits again",
        arguments: LeaseFixture.Ground.withBlocks)
    func denied(ground: LeaseFixture.Ground) throws {
        let fixture = try LeaseFixture(ground) { $0.sealing = .never }
        #expect(fixture.waitForLease())
        let denier = try #require(Denier(fixture.segment))
        #expect(fixture.wait { denier.isAtWork })
        let look = "head -c 1 '\(fixture.segment)'"
        for command in [
            look, "exec 3<>'\(fixture.segment)'", "cp '\(fixture.segment)' '\(fixture.beside("copy"))'",
            "cp --reflink=always '\(fixture.segment)' '\(fixture.beside("clone"))'",
        ] {
            #expect(!Shell.run(command), "\(command)")
            try fixture.commit()
        }
        if denier.deniesAccess { #expect(!Shell.run(try Denier.cutting(fixture))) }
        #expect(fixture.waitForLease())
        try fixture.store.verifyExtents()
        denier.end()
        #expect(fixture.wait { Shell.run(look) })
        #expect(fixture.waitForLease())
        try fixture.commit()
        try fixture.store.verifyExtents()
        #expect(try fixture.isComplete())
    }
}

/// The daemon: a process of its own.
private final class Denier {
    /// It takes root, and a kernel that was built with permission events.
    static let isPossible = cpm_deny_is_possible() != 0

    private let scratch = ScratchDirectory(.volatileMemory)
    private var child: pid_t = 0

    init?(_ path: String) {
        guard let program = MatrixProgram.path else { return nil }
        let words = [program, "deny", path, "\(getpid())", scratch.path + "/ready"]
        let arguments: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) } + [nil]
        defer { unsafe arguments.forEach { unsafe free($0) } }
        guard unsafe posix_spawn(&child, program, nil, nil, arguments, environ) == 0 else { return nil }
    }

    deinit { end() }

    private var note: String { String(decoding: bytes(of: scratch.path + "/ready"), as: UTF8.self) }
    var isAtWork: Bool { !note.isEmpty }
    /// Kernels before 6.14 let files be cut by path all the same.
    var deniesAccess: Bool { note.contains("access") }

    func end() {
        guard child > 0 else { return }
        kill(child, SIGKILL)
        var status: Int32 = 0
        while unsafe waitpid(child, &status, 0) < 0 && errno == EINTR {}
        child = 0
    }

    /// The command that cuts the segment by its path, without opening it.
    static func cutting(_ fixture: LeaseFixture) throws -> String {
        let program = try #require(MatrixProgram.path)
        let index = try #require(Attacks.index("truncate by path"))
        return "'\(program)' attack \(index) '\(fixture.path.dropLast("/store".count))' -1 -"
    }
}
