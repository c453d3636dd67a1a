import SourceMutants
import Testing

@testable internal import PmemStore

// The mutants of the source follow the source; `make source-mutants` builds and judges them.

extension HouseRulesTests {
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

    /// A mutant of the door is one call: two with one number would be struck together.
    @Test("Every call through the door has a number of its own")
    func sites() {
        var calls: [SourceSite: String] = [:]
        for path in SourceTree.files(below: "Sources/PmemStore", suffix: ".swift") {
            if path.contains("/Media/") || path.contains("/Simulation/") { continue }
            for (index, line) in SourceTree.lines(path).enumerated() {
                let code = SourceTree.code(line)
                let isCall = ["store8", "copyIn", "construct", "flush", "drain"].contains {
                    code.contains("medium.\($0)(")
                }
                if !isCall { continue }
                let site = SourceSite(file: path, line: UInt32(index + 1))
                #expect(Int(site.line) == index + 1)
                #expect(calls[site] == nil, "\(path):\(index + 1) and \(calls[site] ?? "")")
                calls[site] = "\(path):\(index + 1)"
            }
        }
        #expect(calls.count > 20)
    }
}
