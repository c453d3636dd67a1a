internal import Glibc

@testable internal import PmemStore

/// What docs/format.md says, as far as a program can read it.
struct FormatDocument {
    /// A row of a field table.
    struct Field: Equatable {
        let offset: Int
        let size: Int
        let name: String
    }

    /// A block of bytes in hex.
    struct Example {
        let structure: String
        let offset: UInt64
        let bytes: [UInt8]
    }

    let lines: [String]

    init() {
        let root = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let path = "/" + root + "/docs/format.md"
        lines = String(decoding: PmemStoreTests.bytes(of: path), as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// The cells of every table row below a heading, up to the next heading.
    func rows(below heading: String) -> [[String]] {
        guard let start = lines.firstIndex(of: heading) else { return [] }
        let section = lines[(start + 1)...].prefix { !$0.hasPrefix("#") }
        return section.filter { $0.hasPrefix("|") }.map(Self.cells)
    }

    private static func cells(_ line: String) -> [String] {
        line.dropFirst().dropLast().split(separator: "|", omittingEmptySubsequences: false)
            .map { cell in String(cell.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
    }

    /// The fields of a C struct: rows of offset, size and name.
    func fields(of structure: String) -> [Field] {
        rows(below: "### `\(structure)`").compactMap { cells in
            guard cells.count == 5, let offset = Int(cells[0]), let size = Int(cells[1]) else { return nil }
            return Field(offset: offset, size: size, name: cells[2].filter { $0 != "`" })
        }
    }

    /// Fenced blocks that begin with "hex NAME OFFSET LENGTH".
    var examples: [Example] {
        var result: [Example] = []
        for (index, line) in lines.enumerated() where line.hasPrefix("```hex ") {
            let words = line.split(separator: " ")
            guard words.count == 4, let offset = UInt64(words[2]), let count = Int(words[3]) else { continue }
            var bytes = [UInt8](repeating: 0, count: count)
            for row in lines[(index + 1)...].prefix(while: { $0 != "```" }) where row != "*" {
                let parts = row.split(separator: " ")
                guard let start = Int(parts[0], radix: 16) else { continue }
                for (column, part) in parts.dropFirst().enumerated() {
                    bytes[start + column] = UInt8(part, radix: 16) ?? 0
                }
            }
            result.append(Example(structure: String(words[1]), offset: offset, bytes: bytes))
        }
        return result
    }
}
