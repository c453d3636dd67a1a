/// Reads a list. Each line begins with what it is:
///
///     family Flush and fence
///     class F4 No fence between the log and the word that makes it count
///     none  Why no mutant is possible. Goes on in further lines of `none`.
///     door  What the door's operators do for it.
///     mutant commitWithoutFence
///     origin PMDK #1
///     by SomeTests                      (or: budget; without such a line the crash lab)
///     equivalent  Why it is the same program.
///     survives  Why nothing notices it.
///     in Transactions/Commit.swift
///     = a line that stays
///     - a line that goes
///     + a line that comes
///     ~ guard {{original => mutated}} else { return }      (one expression or several)
///
/// Lines that begin with `#` and empty lines mean nothing.
package struct MutantListParser {
    private let path: String
    private var lineNumber = 0
    private var families: [MutantCatalogue.Family] = []

    package init(path: String) { self.path = path }

    package mutating func parse(_ text: String) throws -> [MutantCatalogue.Family] {
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            lineNumber += 1
            if line.isEmpty || line.hasPrefix("#") { continue }
            let word = line.prefix { $0 != " " }
            try enter(String(word), String(line.dropFirst(word.count + 1)))
        }
        for bug in families.flatMap(\.classes)
        where bug.mutants.isEmpty && bug.reason == nil && bug.door == nil {
            throw MutantListError(place: path, reason: "class \(bug.code) has neither mutants nor a reason")
        }
        return families
    }

    private func wrong(_ reason: String) -> MutantListError {
        MutantListError(place: "\(path):\(lineNumber)", reason: reason)
    }

    private mutating func enter(_ word: String, _ text: String) throws {
        switch word {
        case "family": families.append(MutantCatalogue.Family(title: text))
        case "class":
            let code = text.prefix { $0 != " " }
            guard !families.isEmpty else { throw wrong("a class before the first family") }
            families[families.count - 1].classes.append(
                BugClass(code: String(code), title: String(text.dropFirst(code.count + 1))))
        case "none": try withClass { $0.reason = Self.joined($0.reason, text) }
        case "door": try withClass { $0.door = Self.joined($0.door, text) }
        case "mutant": try withClass { $0.mutants.append(SourceMutant(name: text)) }
        case "origin": try withMutant { $0.origin = text }
        case "by": try withMutant { $0.judge = text == "budget" ? .budget : .tests(text) }
        case "equivalent": try withMutant { $0.proof = Self.joined($0.proof, text) }
        case "survives": try withMutant { $0.gap = Self.joined($0.gap, text) }
        case "in": try withMutant { $0.hunks.append(SourceMutant.Hunk(file: text)) }
        case "=": try withHunk { $0.lines.append(.kept(Self.trimmed(text))) }
        case "-": try withHunk { $0.lines.append(.removed(Self.trimmed(text))) }
        case "+": try withHunk { $0.lines.append(.added(Self.trimmed(text))) }
        case "~":
            let line = try changed(Self.trimmed(text))
            try withHunk { $0.lines.append(line) }
        default: throw wrong("a line cannot begin with '\(word)'")
        }
    }

    private static func joined(_ before: String?, _ text: String) -> String {
        before.map { $0 + " " + trimmed(text) } ?? trimmed(text)
    }

    static func trimmed(_ text: some StringProtocol) -> String {
        var rest = text.drop { $0 == " " }[...]
        while rest.last == " " { rest = rest.dropLast() }
        return String(rest)
    }

    private func changed(_ text: String) throws -> SourceMutant.Line {
        var pieces: [SourceMutant.Piece] = []
        var rest = text[...]
        while let open = rest.firstRange(of: "{{") {
            guard let arrow = rest.firstRange(of: " => "), let close = rest.firstRange(of: "}}"),
                open.upperBound <= arrow.lowerBound, arrow.upperBound <= close.lowerBound
            else { break }
            pieces.append(SourceMutant.Piece(String(rest[..<open.lowerBound])))
            pieces.append(
                SourceMutant.Piece(
                    String(rest[open.upperBound..<arrow.lowerBound]),
                    String(rest[arrow.upperBound..<close.lowerBound])))
            rest = rest[close.upperBound...]
        }
        if pieces.isEmpty { throw wrong("no {{original => mutated}} in the line") }
        return .changed(pieces + [SourceMutant.Piece(String(rest))])
    }

    // MARK: What is being read

    private mutating func withClass(_ body: (inout BugClass) -> Void) throws {
        guard let family = families.indices.last, let last = families[family].classes.indices.last else {
            throw wrong("before the first class")
        }
        body(&families[family].classes[last])
    }

    private mutating func withMutant(_ body: (inout SourceMutant) -> Void) throws {
        var isThere = false
        try withClass { bug in
            guard let last = bug.mutants.indices.last else { return }
            isThere = true
            body(&bug.mutants[last])
        }
        if !isThere { throw wrong("before the class's first mutant") }
    }

    private mutating func withHunk(_ body: (inout SourceMutant.Hunk) -> Void) throws {
        var isThere = false
        try withMutant { mutant in
            guard let last = mutant.hunks.indices.last else { return }
            isThere = true
            body(&mutant.hunks[last])
        }
        if !isThere { throw wrong("a line of source before its file is named by 'in'") }
    }
}
