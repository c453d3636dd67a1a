internal import Glibc
import Testing

@testable internal import PmemStore

/// The program of `make lease-matrix`, which tries everything that can be done to a store's files.
@Suite(
    "Lease: matrix",
    .enabled(if: LeaseFixture.areAvailable && MatrixProgram.path != nil, "needs root and the program"))
struct MatrixTests {
    @Test("Nothing acknowledged is lost without an error, and nothing at all from a sealed store")
    func nothingLost() throws {
        let program = try #require(MatrixProgram.path)
        let scratch = ScratchDirectory(.volatileMemory)
        let lines = scratch.path + "/lines"
        let script = SourceTree.root + "/scripts/lease-matrix"
        #expect(Shell.run("'\(script)' '\(program)' '\(lines)'"))
        Shell.run("('\(program)' document '\(lines)' > '\(scratch.path)/document')")
        print(String(decoding: bytes(of: scratch.path + "/document"), as: UTF8.self))

        let rows = String(decoding: bytes(of: lines), as: UTF8.self).split(separator: "\n").map {
            $0.split(separator: "\t", omittingEmptySubsequences: false)
        }
        #expect(rows.count >= 4 * 240)
        for row in rows {
            #expect(row.count == 6)
            if row.count < 6 || row[4] == "lost" || row[1] == "sealed" && row[4] == "destroyed" {
                Issue.record("\(row)")
            }
        }
        for place in ["XFS", "ext4", "tmpfs"] {
            let isRefused = rows.contains {
                $0.prefix(5).elementsEqual([place[...], "sealed", "unlink", "other process", "refused"])
            }
            #expect(isRefused, "\(place) was not sealed")
        }
    }
}

enum MatrixProgram {
    /// Beside the test runner, where the package manager builds it.
    static var path: String? {
        var link = [CChar](repeating: 0, count: 4096)
        let count = unsafe readlink("/proc/self/exe", &link, link.count - 1)
        let bytes = link.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }
        let folder = String(decoding: bytes, as: UTF8.self).split(separator: "/").dropLast()
        let program = "/" + folder.joined(separator: "/") + "/lease-matrix"
        return unsafe access(program, X_OK) == 0 ? program : nil
    }
}
