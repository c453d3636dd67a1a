import Testing

/// Style that is executed. A remark that is made three times becomes a rule here; a rule that only annoys goes.
@Suite("House rules")
struct HouseRulesTests {
    private static let engine = SourceTree.files(below: "Sources/PmemStore", suffix: ".swift")
    private static let benchmark = SourceTree.files(below: "Sources/pmembench", suffix: ".swift")
    private static let tests = ["PmemStoreTests", "SourceMutants"].flatMap {
        SourceTree.files(below: "Tests/" + $0, suffix: ".swift")
    }
    private static let documents =
        SourceTree.files(below: "docs", suffix: ".md") + ["README.md"].filter { SourceTree.exists($0) }

    /// From the medium up: a room knows itself and those before it.
    private static let rooms = [
        "Contract", "Media", "Format", "Extents", "Space", "Log", "Tree", "Transactions", "Recovery", "Store",
        "Simulation",
    ]

    @Test("The rules see the files")
    func notEmpty() {
        #expect(Self.engine.count > 40)
        #expect(Self.benchmark.count > 40)
        #expect(Self.tests.count > 20)
    }

    /// Prose may be a little wider than code.
    @Test("No code is wider than 110 columns, no comment than 120, no engine file longer than 480 lines")
    func lengths() {
        for path in Self.engine + Self.benchmark + Self.tests {
            let lines = SourceTree.lines(path)
            for (index, line) in lines.enumerated() {
                let isComment = line.drop { $0 == " " }.hasPrefix("//")
                if line.count <= (isComment ? 120 : 110) { continue }
                Issue.record("\(path):\(index + 1) has \(line.count) columns")
            }
            #expect(lines.count <= 480, "\(path)")
        }
    }

    @Test("No function of the engine is longer than 70 lines")
    func functions() {
        for path in Self.engine {
            for (name, length) in FunctionLengths.of(path) where length > 70 {
                Issue.record("\(path): \(name) has \(length) lines")
            }
        }
    }

    @Test("Each file belongs to a room, and names types of its own room and of earlier ones only")
    func roomOrder() {
        let homes = typeHomes()
        for path in Self.engine {
            guard let room = room(of: path) else {
                Issue.record("\(path) is in no room")
                continue
            }
            let lines = SourceTree.lines(path)
            for (index, line) in lines.enumerated() {
                for word in SourceTree.words(line) {
                    guard let home = homes[String(word)], home > room else { continue }
                    Issue.record("\(path):\(index + 1) names \(word) of the later room \(Self.rooms[home])")
                }
            }
        }
    }

    private func room(of path: String) -> Int? {
        Self.rooms.firstIndex { path.hasPrefix("Sources/PmemStore/\($0)/") }
    }

    /// The room of every top-level type.
    private func typeHomes() -> [String: Int] {
        let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "actor", "typealias"]
        var homes: [String: Int] = [:]
        for path in Self.engine {
            guard let room = room(of: path) else { continue }
            for line in SourceTree.lines(path) where !line.hasPrefix(" ") && !line.hasPrefix("private") {
                let words = SourceTree.words(line)
                guard let kind = words.firstIndex(where: { kinds.contains($0) }), kind + 1 < words.count
                else { continue }
                homes[String(words[kind + 1])] = room
            }
        }
        return homes
    }

    @Test("Words that no file of the engine may hold")
    func bannedInEngine() {
        let banned: Set<Substring> = ["Foundation", "try!", "TODO", "FIXME", "usleep", "sleep", "print"]
        for path in Self.engine {
            for (index, line) in SourceTree.lines(path).enumerated() {
                for word in SourceTree.words(line) where banned.contains(word) {
                    // A kill at a random moment is a wait by its nature.
                    if word == "nanosleep", path.hasSuffix("KilledStoreTests.swift") { continue }
                    Issue.record("\(path):\(index + 1) says \(word)")
                }
                let isSilent = line.contains("fatalError()") || line.contains("preconditionFailure()")
                #expect(!isSilent, "\(path):\(index + 1) dies without a message")
            }
        }
    }

    @Test("Tests neither sleep nor draw numbers that nobody can draw again")
    func bannedInTests() {
        let banned: Set<Substring> = [
            "SystemRandomNumberGenerator", "usleep", "nanosleep", "try!", "Foundation",
        ]
        for path in Self.tests where !path.hasSuffix("HouseRulesTests.swift") {
            for (index, line) in SourceTree.lines(path).enumerated() {
                for word in SourceTree.words(line) where banned.contains(word) {
                    // A kill at a random moment is a wait by its nature.
                    if word == "nanosleep", path.hasSuffix("KilledStoreTests.swift") { continue }
                    Issue.record("\(path):\(index + 1) says \(word)")
                }
            }
        }
    }

    @Test("Only Media stores to the mapping and calls libpmem")
    func oneDoor() {
        let calls = ["cpm_copy_nontemporal(", "cpm_store8("]
        let stores = ["storeBytes", "copyMemory", "memcpy(medium", "memset(medium", "memmove(medium"]
        for path in Self.engine where !path.contains("/Media/") {
            for (index, line) in SourceTree.lines(path).enumerated() {
                let code = SourceTree.code(line)
                let callsLibrary = SourceTree.words(line).contains { $0.hasPrefix("pmem_") }
                let isCall = callsLibrary || calls.contains { code.contains($0) }
                let isStore = code.contains("medium.base") && stores.contains { code.contains($0) }
                #expect(!isCall && !isStore, "\(path):\(index + 1) goes around the medium")
            }
        }
    }

    @Test("Each document has one title, and no link in it is dead")
    func documents() {
        for path in Self.documents {
            let titles = SourceTree.lines(path).count { $0.hasPrefix("# ") }
            #expect(titles >= 1, "\(path) has no title")
            for target in links(in: path) where !SourceTree.exists(resolved(target, from: path)) {
                Issue.record("\(path) links to \(target), which is not there")
            }
        }
    }

    /// Relative targets of `[text](target)`, without anchors.
    private func links(in path: String) -> [String] {
        SourceTree.text(path).split(separator: "](").dropFirst().compactMap { rest in
            guard let end = rest.firstIndex(of: ")") else { return nil }
            let target = rest[..<end].prefix { $0 != "#" }
            return target.isEmpty || target.contains("://") || target.contains(" ") ? nil : String(target)
        }
    }

    private func resolved(_ target: String, from path: String) -> String {
        path.split(separator: "/").dropLast().joined(separator: "/") + "/" + target
    }

    @Test(
        "The numbered steps of commit and checkpoint return in docs/commit.md",
        .enabled(if: SourceTree.exists("docs/commit.md"), "docs/commit.md is not written yet"),
        arguments: ["Commit", "Checkpoint"])
    func steps(file: String) {
        let document = SourceTree.text("docs/commit.md")
        let lines = SourceTree.lines("Sources/PmemStore/Transactions/\(file).swift")
        let steps = lines.compactMap { line -> Substring? in
            let text = line.drop { $0 == " " }
            guard text.hasPrefix("// "), text.dropFirst(3).first?.isNumber == true else { return nil }
            return text.dropFirst(3).prefix { $0 != " " }
        }
        #expect(steps.count >= 6)
        for step in steps { #expect(document.contains(step), "step \(step) of \(file)") }
    }
}

/// Lengths of functions, by indentation: from a line with `func` to the brace that closes it in the same column.
private enum FunctionLengths {
    static func of(_ path: String) -> [(name: String, length: Int)] {
        let lines = SourceTree.lines(path)
        return lines.indices.compactMap { start in
            let words = SourceTree.words(lines[start])
            guard let place = words.firstIndex(of: "func"), place + 1 < words.count else { return nil }
            let indent = lines[start].prefix { $0 == " " }
            let end = lines[start...].firstIndex { $0 == indent + "}" }
            return end.map { (String(words[place + 1]), $0 - start + 1) }
        }
    }
}
