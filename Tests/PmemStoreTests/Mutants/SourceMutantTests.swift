import SourceMutants
import Testing

/// How mutants get into a source. `make source-mutants` judges them; that they fit the sources is a house rule.
@Suite("Mutants: of the source")
struct SourceMutantTests {
    @Test("Expressions, statements and mutants within mutants are woven as they should be")
    func weaving() throws {
        let source = "func f() {\n    g(a + b)\n    h()  // why\n}\n"
        var weaver = Weaver(path: "f.swift", text: source)
        let lines: [[SourceMutant.Line]] = [
            [.changed([.init("g("), .init("a", "c"), .init(" + b)")])],
            [.removed("g(a + b)"), .added("g(0)"), .kept("h()  // why")],
            [.removed("g(a + b)"), .kept("h()  // why"), .added("i()")],
        ]
        for (index, lines) in lines.enumerated() {
            let mutant = SourceMutant(name: "m\(index)", number: index + 1, lines: lines)
            try weaver.add(mutant.hunks[0], of: mutant)
        }
        let words = try weaver.woven().split { $0 == " " || $0 == "\n" }.joined(separator: " ")
        let expected = """
            func f() { if SourceMutant.isOn(2) { g(0) } else if SourceMutant.isOn(3) { } else { \
            g((SourceMutant.isOn(1) ? (c) : (a)) + b) } h() // why if SourceMutant.isOn(3) { i() } else { } }
            """
        #expect(words == expected)
    }

    @Test("Mutants of one place, and one within another, are no pair; others are")
    func clashes() throws {
        let source = "g(a + b)\nh()\ni(c)\n"
        var weaver = Weaver(path: "f.swift", text: source)
        let lines: [[SourceMutant.Line]] = [
            [.changed([.init("g("), .init("a", "c"), .init(" + b)")])],
            [.changed([.init("g(a + "), .init("b", "c"), .init(")")])],
            [.removed("g(a + b)"), .kept("h()")],
            [.kept("h()"), .added("j()")],
            [.kept("h()"), .added("k()")],
            [.changed([.init("i("), .init("c", "d"), .init(")")]), .added("l()")],
        ]
        for (index, lines) in lines.enumerated() {
            let mutant = SourceMutant(name: "m\(index)", number: index + 1, lines: lines)
            try weaver.add(mutant.hunks[0], of: mutant)
        }
        #expect(weaver.clashes == [[1, 3], [2, 3], [4, 5]])
    }

    /// Within the switch it would run early, whichever mutant is on, and the engine itself would be another.
    @Test("A `defer` is not taken out, as it would end with the switch")
    func deferred() {
        var weaver = Weaver(path: "f.swift", text: "defer { a() }\n")
        let mutant = SourceMutant(name: "m", number: 1, lines: [.removed("defer { a() }")])
        #expect(throws: MutantListError.self) { try weaver.add(mutant.hunks[0], of: mutant) }
    }

    @Test("A text that is not there, or there twice, is an error that names file and mutant")
    func misplaced() {
        for text in ["a()", "b()"] {
            var weaver = Weaver(path: "f.swift", text: "a()\na()\n")
            let mutant = SourceMutant(name: "m", number: 1, lines: [.removed(text)])
            #expect {
                try weaver.add(mutant.hunks[0], of: mutant)
            } throws: { error in
                let description = "\(error)"
                return description.contains("f.swift") && description.contains("mutant m")
            }
        }
    }
}
