/// docs/source-mutants.md, of what the judges have printed.
package struct MutantReport {
    /// `SOURCE name result killer milliseconds`, as one judge says it.
    package struct Verdict: Sendable {
        package let name: String
        /// `killed`, `survived` or `unfinished`: no end within the limit, which counts as open.
        package let result: String
        /// What noticed it: a rung of the lab, `test`, `trap`; `none`.
        package let killer: String
        package let milliseconds: Int

        package init?(line: String) {
            let words = line.split(separator: " ").map(String.init)
            guard words.count == 5, words[0] == "SOURCE", let milliseconds = Int(words[4]) else { return nil }
            (name, result, killer) = (words[1], words[2], words[3])
            self.milliseconds = milliseconds
        }

        package var isKilled: Bool { result == "killed" }

        package var line: String { "SOURCE \(name) \(result) \(killer) \(milliseconds)" }

        package init(name: String, killer: String?, isUnfinished: Bool, milliseconds: Int) {
            self.name = name
            result = killer != nil ? "killed" : isUnfinished ? "unfinished" : "survived"
            self.killer = killer ?? "none"
            self.milliseconds = milliseconds
        }
    }

    private let catalogue: MutantCatalogue
    private let verdicts: [String: Verdict]

    /// - Throws: ``MutantListError`` where a mutant has no verdict.
    package init(catalogue: MutantCatalogue, verdicts: [Verdict]) throws {
        self.catalogue = catalogue
        self.verdicts = Dictionary(verdicts.map { ($0.name, $0) }) { first, _ in first }
        for mutant in catalogue.mutants where self.verdicts[mutant.name] == nil {
            throw MutantListError(place: mutant.name, reason: "has not been judged")
        }
    }

    // MARK: What it comes to

    private enum State { case killed, equivalent, open, wronglyProved }

    private func state(_ mutant: SourceMutant) -> State {
        let isKilled = verdicts[mutant.name]?.isKilled ?? false
        if mutant.proof != nil { return isKilled ? .wronglyProved : .equivalent }
        return isKilled ? .killed : .open
    }

    /// Mutants that live although the list does not say so, or the other way round; for the exit status.
    package var surprises: [String] {
        catalogue.mutants.compactMap { mutant in
            switch state(mutant) {
            case .wronglyProved: "\(mutant.name) was killed, and is said to be equivalent"
            case .open: mutant.gap == nil ? "\(mutant.name) survived" : nil
            case .killed: mutant.gap != nil ? "\(mutant.name) was killed, and is said to survive" : nil
            case .equivalent: nil
            }
        }
    }

    package var summary: String {
        let counts = catalogue.mutants.map(state)
        let killed = counts.count { $0 == .killed }
        let equivalent = counts.count { $0 == .equivalent }
        let times = times(catalogue.mutants)
        let share = killed * 1000 / max(counts.count - equivalent, 1)
        return "\(counts.count) source mutants: \(killed) killed (\(share / 10).\(share % 10) %), "
            + "median \(times.median) ms, at most \(times.most) ms; \(equivalent) equivalent, "
            + "\(counts.count - killed - equivalent) open"
    }

    private func times(_ mutants: [SourceMutant]) -> (median: Int, most: Int) {
        let times = mutants.compactMap { verdicts[$0.name] }.filter(\.isKilled).map(\.milliseconds).sorted()
        return times.isEmpty ? (0, 0) : (times[times.count / 2], times[times.count - 1])
    }

    // MARK: Text

    package var markdown: String {
        let classes = catalogue.classes
        let seeded = classes.filter { !$0.mutants.isEmpty }
        let killed = seeded.filter { $0.mutants.contains { state($0) == .killed } }
        return """
            # Mutants of the source

            Written by `make source-mutants`. Each mutant is a mistake that storage engines have been
            known to make, made in this engine's source; something must notice it.
            [testing.md](testing.md), "Source mutants", says how. The lists, with every mutant's text,
            are in `Tests/SourceMutants/Lists`.

            \(summary). Of \(classes.count) classes \(seeded.count) have mutants, and in \(killed.count)
            of these at least one was killed.

            *By*: what noticed it. *door*: the audit of the door. *cut*: a power cut. *nested*: one in
            recovery, or after a kill. *use*: the life after it. *live*: a comparison while running.
            *cost*: the budget of stores, flushes and fences. *test*: a test. *trap*: the process ended.
            Times are milliseconds of the processor to the kill, the class's median; a test's are those
            of its process. What comes to no end within the limit counts as open.

            \(families)
            ## Bugs of other engines

            | bug | class | mutant | by | ms |
            |---|---|---|---|---:|
            \(origins)
            ## Equivalent and open

            \(remarks)
            """ + "\n"
    }

    private var families: String {
        catalogue.families.map { family in
            """
            ## \(family.title)

            | | class | mutants | killed | by | ms |
            |---|---|---:|---:|---|---:|
            \(family.classes.map(row).joined())
            """
        }.joined(separator: "\n")
    }

    private func row(_ bug: BugClass) -> String {
        let killed = bug.mutants.filter { state($0) == .killed }
        let equivalent = bug.mutants.count { state($0) == .equivalent }
        let note = [bug.reason, bug.door].compactMap { $0 }.map { " " + $0 }.joined()
        let title = bug.title + (note.isEmpty ? "" : "." + note)
        if bug.mutants.isEmpty { return "| \(bug.code) | \(title) | - | - | - | - |\n" }
        let count = equivalent == 0 ? "\(killed.count)" : "\(killed.count), \(equivalent) equivalent"
        return "| \(bug.code) | \(title) | \(bug.mutants.count) | \(count) | \(killers(killed)) | "
            + "\(killed.isEmpty ? "-" : "\(times(killed).median)") |\n"
    }

    private func killers(_ killed: [SourceMutant]) -> String {
        var counts: [(name: String, count: Int)] = []
        for killer in killed.compactMap({ verdicts[$0.name]?.killer }) {
            if let index = counts.firstIndex(where: { $0.name == killer }) {
                counts[index].count += 1
            } else {
                counts.append((killer, 1))
            }
        }
        if counts.isEmpty { return "-" }
        return counts.map { $0.count == 1 ? $0.name : "\($0.count) \($0.name)" }.joined(separator: ", ")
    }

    private var origins: String {
        catalogue.classes.flatMap { bug in
            bug.mutants.compactMap { mutant in
                guard let origin = mutant.origin, let verdict = verdicts[mutant.name] else { return nil }
                let (killer, time) =
                    verdict.isKilled
                    ? (verdict.killer, "\(verdict.milliseconds)")
                    : (state(mutant) == .equivalent ? "equivalent" : "open", "-")
                return "| \(origin) | \(bug.code) | `\(mutant.name)` | \(killer) | \(time) |\n"
            }
        }.joined()
    }

    private var remarks: String {
        catalogue.classes.flatMap { bug in
            bug.mutants.compactMap { mutant in
                switch state(mutant) {
                case .equivalent: "* `\(mutant.name)` (\(bug.code)), equivalent: \(mutant.proof ?? "")\n"
                case .open:
                    "* `\(mutant.name)` (\(bug.code)), open: \(mutant.gap ?? "nothing has noticed it.")\n"
                case .killed, .wronglyProved: nil
                }
            }
        }.joined()
    }
}
