import ArgumentParser
import PmemStoreTesting

@testable import crashlab
@testable import lease_matrix
@testable import pmemstore

/// Command lines, and what lease-matrix reads.
enum ToolTexts {
    /// A command line is parsed and checked, not run.
    static func parse<Command: ParsableCommand>(
        _ type: Command.Type, _ arguments: [String], _ check: (any ParsableCommand) -> Void = { _ in }
    ) {
        do {
            check(try type.parseAsRoot(arguments))
        } catch {
            let code = type.exitCode(for: error)
            precondition(code.isSuccess || code == .validationFailure, "exit code \(code.rawValue)")
            precondition(!type.fullMessage(for: error).isEmpty, "a refusal without a word")
        }
    }

    static func pmemstore(_ text: String) {
        parse(Pmemstore.self, text.split(separator: " ").map(String.init))
    }

    static func crashlab(_ text: String) {
        parse(Crashlab.self, text.split(separator: " ").map(String.init)) { command in
            if let explore = command as? ExploreCommand { _ = explore.plan }
        }
    }

    /// Lines of trials, of which the document is made.
    static func matrix(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        precondition(MatrixDocument(lines: lines).text.contains("| verdict |"))
    }
}
