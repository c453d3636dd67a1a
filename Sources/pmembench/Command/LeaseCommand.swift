import ArgumentParser
import Foundation
import PmemStore

struct LeaseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lease",
        abstract:
            "Measures what the lease costs: looks at block maps, pauses for visitors, faults of commits.")

    @Option(help: "Directory to make a store in; it is removed at the end.")
    var path: String

    @Option(help: "Bytes of the file whose block map is looked at; only allocated, not written.")
    var mapBytes: UInt64 = 8 << 30

    @Option(help: "Visitors, each of which opens a segment file and closes it.")
    var visits = 2000

    @Option(help: "Commits whose page faults are counted, behind a tenth as many that are not.")
    var commits = 10_000_000

    func validate() throws {
        guard mapBytes <= 1 << 60 else { throw ValidationError("--map-bytes must be at most \(1 << 60)") }
        guard visits <= 1 << 32, commits <= 1 << 32 else {
            throw ValidationError("--visits and --commits must be at most \(1 << 32)")
        }
    }

    func run() throws {
        _ = try Directory(checking: path)
        let workspace = try Workspace(in: path)
        defer { workspace.remove() }
        if mapBytes > 0 { print(try MapFigures(directory: workspace.path, byteCount: mapBytes).text) }
        let figures = try LeaseFigures(path: workspace.path + "/store")
        print("store: \(figures.store.persistence.fileSystem), \(figures.store.lease.level)")
        if visits > 0 { print(try figures.visits(visits)) }
        if commits > 0 { print(try figures.faults(commits)) }
        try figures.store.close()
    }
}
