/// Gives a text to one of the package's parsers, and what that makes of it to whatever uses it before anything is run.
///
/// The first byte chooses the parser. Results and errors of the parser's own kind are right. A trap, a hang, memory
/// without end, an error of another kind, or a result that is not what it promises, is not.
public enum TextFuzz {
    static let parsers: [Character: @Sendable (String) -> Void] = [
        // pmembench
        "n": { BenchmarkTexts.numbers($0, isOctal: false) },
        "o": { BenchmarkTexts.numbers($0, isOctal: true) },
        "c": BenchmarkTexts.scenarios, "p": BenchmarkTexts.plan, "j": BenchmarkTexts.report,
        "m": BenchmarkTexts.document, "l": BenchmarkTexts.records, "b": BenchmarkTexts.commandLine,
        // pmemstore, crashlab, lease-matrix
        "s": ToolTexts.pmemstore, "x": ToolTexts.crashlab, "d": ToolTexts.matrix,
        // What stands in environment variables, tokens and lists.
        "e": LabTexts.powerCut, "t": LabTexts.token, "k": LabTexts.labToken, "u": LabTexts.mutation,
        "v": LabTexts.mutantList, "w": LabTexts.verdict,
    ]

    /// Runs one input.
    public static func run(_ bytes: [UInt8]) {
        guard let first = bytes.first, let parser = parsers[Character(Unicode.Scalar(first))] else { return }
        parser(String(decoding: bytes.dropFirst(), as: UTF8.self))
    }

    /// A parser's refusal is right if it is of its kind.
    static func attempt<Refusal: Error>(_ kind: Refusal.Type, _ body: () throws -> Void) {
        do {
            try body()
        } catch is Refusal {
            // As it should be.
        } catch {
            preconditionFailure("refused with another error: \(error)")
        }
    }
}
