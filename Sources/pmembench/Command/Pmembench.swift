import ArgumentParser
import Foundation

/// The command. Errors are one line on standard error; 64 means that the command line was wrong, 1 that the run was.
@main
struct Pmembench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pmembench",
        abstract: "Measures transactional key-value engines on persistent memory.",
        discussion: """
            PMDK's form works, too: pmembench <benchmark> <options>, and
            pmembench <file.cfg> [scenario...] [options], with
            \(PMDKBenchmark.allCases.map(\.rawValue).joined(separator: ", ")).
            """,
        subcommands: [
            RunCommand.self, CompareCommand.self, LoadCommand.self, ReportCommand.self,
            LeaseCommand.self, ReadChainCommand.self, LeaveKilledCommand.self, CountedCommand.self,
        ])

    static func main() {
        do {
            let arguments = Array(CommandLine.arguments.dropFirst())
            let subcommands = configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]
            if PMDKCommandLine.isMeant(arguments, subcommands: subcommands) {
                return try PMDKCommand(commandLine: PMDKCommandLine(arguments)).run()
            }
            var command = try parseAsRoot()
            try command.run()
        } catch let failure as BenchmarkFailure {
            die(failure.description, code: failure.kind.rawValue)
        } catch {
            let code = exitCode(for: error)
            if code.isSuccess || code == ExitCode(64) { exitAfterParsing(error, code) }
            die("\(error)", code: 1)
        }
    }

    /// Help goes where the parser sends it; its refusals are cut to one line.
    private static func exitAfterParsing(_ error: any Error, _ code: ExitCode) -> Never {
        if code.isSuccess { exit(withError: error) }
        let line = message(for: error).split(separator: "\n").first.map(String.init) ?? "wrong command line"
        die(line + " (see pmembench --help)", code: 64)
    }

    private static func die(_ text: String, code: Int32) -> Never {
        // An interruption is being reported: it ends the process, and what it does may be the cause of this error.
        Interruption.waitIfUnderWay()
        Diagnostics.write(text)
        Foundation.exit(code)
    }
}
