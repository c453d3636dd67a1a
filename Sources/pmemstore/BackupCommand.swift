import ArgumentParser
import PmemStore

struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copies the newest commit of a store into a new store, verifying every record.",
        discussion: """
            The store must not be in use: a process that has it open makes backups by Store.backup(to:), without
            holding up its own commits.
            """)

    @Argument(help: "The store.")
    var store: String

    @Argument(help: "Where the new store goes; nothing may be there.")
    var destination: String

    @Flag(help: "Accept media that forget at a power cut.")
    var acceptVolatile = false

    func run() throws {
        var options = StoreOptions()
        options.creation = .never
        options.acceptsVolatileMedium = acceptVolatile
        let source = try Store.open(store, options: options)
        defer { try? source.close() }
        let report = try source.backup(to: destination, options: options)
        let seconds = Double(report.nanoseconds) / 1e9
        print(
            "commit \(report.commit): \(report.pairs) pairs, \(report.bytes) bytes of keys and values, in "
                + "\(Text.decimal(seconds)) s")
    }
}
