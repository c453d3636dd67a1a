/// Makes one source of the engine and all its mutants: what runs is chosen by a number while it runs.
///
/// An expression becomes `(SourceMutant.isOn(7) ? (mutated) : (original))`, a statement the two branches of an `if`.
/// Mutants may lie within each other: the inner one is part of what the outer one replaces.
package struct Weaver {
    private struct Edit {
        let number: Int
        let range: Range<Int>
        let mutated: String
        let isExpression: Bool
    }

    private let path: String
    private let text: [UInt8]
    /// The lines without indentation and blanks at their ends, and where these begin and end.
    private let lines: [(text: String, range: Range<Int>)]
    private var edits: [Edit] = []

    package init(path: String, text: String) {
        self.path = path
        self.text = Array(text.utf8)
        var lines: [(String, Range<Int>)] = []
        var start = 0
        for line in self.text.split(separator: 10, omittingEmptySubsequences: false) {
            let indent = line.prefix { $0 == 32 }.count
            let trimmed = MutantListParser.trimmed(String(decoding: line, as: UTF8.self))
            lines.append((trimmed, (start + indent)..<(start + indent + trimmed.utf8.count)))
            start += line.count + 1
        }
        self.lines = lines
    }

    /// Enters one place of a mutant.
    ///
    /// - Throws: ``MutantListError`` when its lines are not there exactly once.
    package mutating func add(_ hunk: SourceMutant.Hunk, of mutant: SourceMutant) throws {
        var line = try place(of: hunk, mutant)
        var removed: Range<Int>?
        var added: [String] = []
        func flush(_ edits: inout [Edit], at end: Int) {
            if removed == nil && added.isEmpty { return }
            edits.append(
                Edit(
                    number: mutant.number, range: removed ?? end..<end,
                    mutated: added.joined(separator: "\n"),
                    isExpression: false))
            (removed, added) = (nil, [])
        }
        for part in hunk.lines {
            switch part {
            case .added(let text): added.append(text)
            case .removed:
                let range = lines[line].range
                // Within the switch it would run at the switch's end, without any mutant too.
                if lines[line].text.hasPrefix("defer ") {
                    throw MutantListError(
                        place: path,
                        reason: "mutant \(mutant.name): change what the `defer` does, not the `defer`")
                }
                if !added.isEmpty { flush(&edits, at: range.lowerBound) }
                removed = (removed?.lowerBound ?? range.lowerBound)..<range.upperBound
                line += 1
            case .kept:
                flush(&edits, at: lines[line].range.lowerBound)
                line += 1
            case .changed(let pieces):
                flush(&edits, at: lines[line].range.lowerBound)
                var start = lines[line].range.lowerBound
                for piece in pieces {
                    let end = start + piece.original.utf8.count
                    if let mutated = piece.mutated {
                        edits.append(
                            Edit(
                                number: mutant.number, range: start..<end, mutated: mutated,
                                isExpression: true))
                    }
                    start = end
                }
                line += 1
            }
        }
        flush(&edits, at: lines[line - 1].range.upperBound)
    }

    private func place(of hunk: SourceMutant.Hunk, _ mutant: SourceMutant) throws -> Int {
        let wanted = hunk.lines.compactMap(\.source)
        let starts = lines.indices.filter { start in
            start + wanted.count <= lines.count
                && wanted.indices.allSatisfy { lines[start + $0].text == wanted[$0] }
        }
        guard !wanted.isEmpty, starts.count == 1 else {
            throw MutantListError(
                place: path,
                reason: "mutant \(mutant.name): its text is there \(starts.count) times, not once")
        }
        return starts[0]
    }

    /// The source with all mutants in it.
    package func woven() throws -> String { try weave(0..<text.count, sorted[...]) }

    private var sorted: [Edit] {
        edits.sorted {
            ($0.range.lowerBound, -$0.range.upperBound, $0.number)
                < ($1.range.lowerBound, -$1.range.upperBound, $1.number)
        }
    }

    /// Numbers, the lower first, of mutants that change the same place, or of which one lies within the other: where
    /// both are on, one of them would not run.
    package var clashes: Set<[Int]> {
        var found: Set<[Int]> = []
        let sorted = sorted
        for (index, outer) in sorted.enumerated() {
            for inner in sorted[(index + 1)...]
            where inner.number != outer.number
                && (inner.range == outer.range || inner.range.lowerBound < outer.range.upperBound)
            {
                found.insert([min(outer.number, inner.number), max(outer.number, inner.number)])
            }
        }
        return found
    }

    private func weave(_ range: Range<Int>, _ edits: ArraySlice<Edit>) throws -> String {
        var result = ""
        var position = range.lowerBound
        var rest = edits
        while let first = rest.first {
            let same = rest.prefix { $0.range == first.range }
            let inner = rest.dropFirst(same.count).prefix { $0.range.lowerBound < first.range.upperBound }
            rest = rest.dropFirst(same.count + inner.count)
            if let crossing = inner.first(where: { $0.range.upperBound > first.range.upperBound }) {
                throw MutantListError(
                    place: path, reason: "mutants \(first.number) and \(crossing.number) overlap in part")
            }
            result += source(position..<first.range.lowerBound)
            let original = try weave(first.range, inner)
            result += first.isExpression ? expression(same, original) : statement(same, original)
            position = first.range.upperBound
        }
        return result + source(position..<range.upperBound)
    }

    private func source(_ range: Range<Int>) -> String { String(decoding: text[range], as: UTF8.self) }

    private func expression(_ edits: ArraySlice<Edit>, _ original: String) -> String {
        let choices = edits.map { "SourceMutant.isOn(\($0.number)) ? (\($0.mutated)) : " }
        return "(" + choices.joined() + "(\(original)))"
    }

    private func statement(_ edits: ArraySlice<Edit>, _ original: String) -> String {
        let choices = edits.map { "if SourceMutant.isOn(\($0.number)) {\n\($0.mutated)\n} else " }
        return "\n" + choices.joined() + "{\n\(original)\n}\n"
    }
}
