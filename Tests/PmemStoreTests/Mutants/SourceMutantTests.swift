import SourceMutants
import Testing

/// The mutants of the source follow the source: `make source-mutants` builds and judges them.
@Suite("Mutants: of the source")
struct SourceMutantTests {
    /// How many classes each family of the catalogue has.
    private static let families: [(letter: Character, count: Int)] = [
        ("F", 15), ("P", 5), ("T", 11), ("L", 14), ("A", 11), ("R", 17), ("C", 7), ("M", 9),
    ]

    @Test("Every mutant's text is in the sources exactly once")
    func applies() throws {
        let woven = try WovenPackage(root: SourceTree.root)
        let sources = try woven.sources()
        #expect(woven.catalogue.mutants.count > 100)
        for mutant in woven.catalogue.mutants {
            #expect(!mutant.hunks.isEmpty, "\(mutant.name) changes nothing")
            let isWoven = mutant.hunks.contains {
                sources["Sources/PmemStore/" + $0.file]?.contains("isOn(\(mutant.number))") ?? false
            }
            #expect(isWoven, "\(mutant.name)")
        }
    }

    @Test("Every class of the catalogue has mutants, or a reason why not")
    func classes() throws {
        let catalogue = try WovenPackage(root: SourceTree.root).catalogue
        var codes = catalogue.classes.map(\.code)
        let wanted = Self.families.flatMap { family in (1...family.count).map { "\(family.letter)\($0)" } }
        #expect(codes == wanted)
        codes.removeAll { code in
            catalogue.classes.contains { $0.code == code && (!$0.mutants.isEmpty || $0.reason != nil) }
        }
        #expect(codes.isEmpty, "\(codes)")
        // Bugs of other engines, made again.
        #expect(catalogue.mutants.count { $0.origin != nil } >= 12)
    }

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
