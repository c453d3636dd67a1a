/// The lines of several runs as a document: a table for each mode and attacker, a row for each operation.
struct MatrixDocument {
    private struct Row {
        let place, mode, operation, attacker, verdict, detail: String

        init?(_ line: String) {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard fields.count == 6 else { return nil }
            (place, mode, operation) = (fields[0], fields[1], fields[2])
            (attacker, verdict, detail) = (fields[3], fields[4], fields[5])
        }
    }

    private let rows: [Row]
    private let places: [String]

    init(lines: [String]) {
        rows = lines.compactMap { Row($0) }
        var places: [String] = []
        for row in rows where !places.contains(row.place) { places.append(row.place) }
        self.places = places
    }

    var text: String {
        var parts = [Self.head, counts]
        for mode in Mode.allCases {
            for attacker in Attacker.allCases { parts.append(table(mode, attacker)) }
        }
        parts.append(notes)
        return parts.joined(separator: "\n\n")
    }

    private static let head = """
        # The lease against everything that can be done to a file

        Made by `make lease-matrix`; do not edit. Every operation was tried by root against an open store, which then had
        to commit, and was closed, opened again and compared with everything that it had acknowledged. Each operation ends
        in one of these ways:

        | | |
        |---|---|
        | refused | it failed, with this error; the store goes on |
        | harmless | it succeeded; the store goes on, and has everything |
        | stopped | the store refuses to go on, with a typed error; everything acknowledged is there, see the note |
        | destroyed | the store refuses to go on, and opening it says what the operation has taken away |
        | **lost** | something acknowledged is gone without an error: must not happen |

        *Leased* is a store with leases on its files, *sealed* one whose files are sealed as well
        ([lease.md](lease.md)). *Same process* means through the store's own open file, where the operation needs one:
        that is what a process has that was passed the descriptor, or inherited it. A store that demands
        `minimumLease: .noticeBeforeChange` does not open beside a *descriptor from before*; here, nothing was demanded.
        The columns with DAX are from a guest with an emulated NVDIMM and Debian's kernel (6.1), the others from loop
        devices.
        """

    private var counts: String {
        var text =
            "| verdict |" + places.map { " \($0) |" }.joined() + "\n|---|"
            + places.map { _ in "---:|" }.joined()
        for verdict in ["refused", "harmless", "stopped", "destroyed", "lost"] {
            let numbers = places.map { place in
                " \(rows.count { $0.place == place && $0.verdict == verdict }) |"
            }
            text += "\n| \(verdict) |" + numbers.joined()
        }
        return text
    }

    private func table(_ mode: Mode, _ attacker: Attacker) -> String {
        let mine = rows.filter { $0.mode == mode.rawValue && $0.attacker == attacker.rawValue }
        var text = "## \(mode == .leased ? "Leased" : "Sealed"), by \(attacker.rawValue)\n\n"
        text +=
            "| operation |" + places.map { " \($0) |" }.joined() + "\n|---|"
            + places.map { _ in "---|" }.joined()
        for attack in Attack.all where attack.attackers.contains(attacker) {
            let cells = places.map { place in
                let row = mine.first { $0.place == place && $0.operation == attack.name }
                return " \(row.map(cell) ?? "not run") |"
            }
            text += "\n| \(attack.name) |" + cells.joined()
        }
        return text
    }

    private func cell(_ row: Row) -> String {
        switch row.verdict {
        case "refused": "refused: \(row.detail)"
        case "harmless", "unavailable": row.verdict
        case "lost": "**lost**: \(row.detail)"
        default: "\(row.verdict) \(number(of: row.detail))"
        }
    }

    /// Details that return often are notes with a number.
    private var details: [String] {
        var found: [String] = []
        for row in rows where ["stopped", "destroyed"].contains(row.verdict) && !found.contains(row.detail) {
            found.append(row.detail)
        }
        return found
    }

    private func number(of detail: String) -> String {
        details.firstIndex(of: detail).map { "(\($0 + 1))" } ?? ""
    }

    private var notes: String {
        (["## Notes", ""] + details.enumerated().map { "\($0.offset + 1). \($0.element)" }).joined(
            separator: "\n")
    }
}
