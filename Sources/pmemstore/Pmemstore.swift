import ArgumentParser
import Foundation
import PmemStore

/// The command. Errors are one line on standard error.
@main
struct Pmemstore: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pmemstore",
        abstract: "Looks at stores of PmemStore, and copies them.",
        discussion: """
            Exit codes: 0 all is well, 1 the store would not open or could not be copied, 2 the path cannot be looked
            at, 64 the command line is wrong.
            """,
        subcommands: [DoctorCommand.self, BackupCommand.self, MeasureBackupCommand.self])

    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let error as StoreError {
            die(ErrorText.line(error), code: ErrorText.isAboutPath(error) ? 2 : 1)
        } catch {
            let code = exitCode(for: error)
            // What the parser says of a wrong command line goes on one line; help and exit codes go their way.
            if code != ExitCode(64) { exit(withError: error) }
            let line =
                message(for: error).split(separator: "\n").first.map(String.init) ?? "wrong command line"
            die(line + " (see pmemstore --help)", code: 64)
        }
    }

    private static func die(_ text: String, code: Int32) -> Never {
        FileHandle.standardError.write(Data("pmemstore: \(text)\n".utf8))
        Foundation.exit(code)
    }
}
