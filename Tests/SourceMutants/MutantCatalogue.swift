/// All classes of bugs with the mutants of each, as the files in `Lists` have them.
package struct MutantCatalogue: Sendable {
    package private(set) var families: [Family] = []

    package struct Family: Sendable {
        package let title: String
        package internal(set) var classes: [BugClass] = []
    }

    package var classes: [BugClass] { families.flatMap(\.classes) }
    package var mutants: [SourceMutant] { classes.flatMap(\.mutants) }

    /// - Throws: ``MutantListError`` with file and line.
    package init(directory: String) throws {
        for path in TextFile.paths(below: directory) where path.hasSuffix(".mutants") {
            var parser = MutantListParser(path: path)
            families += try parser.parse(TextFile.read(directory + "/" + path))
        }
        number()
        try checkNames(directory)
    }

    private mutating func number() {
        var number = 0
        for family in families.indices {
            for place in families[family].classes.indices {
                for index in families[family].classes[place].mutants.indices {
                    number += 1
                    families[family].classes[place].mutants[index].number = number
                }
            }
        }
    }

    private func checkNames(_ directory: String) throws {
        for names in [mutants.map(\.name), classes.map(\.code)] {
            var seen: Set<String> = []
            for name in names where !seen.insert(name).inserted {
                throw MutantListError(place: directory, reason: "\(name) is there twice")
            }
        }
    }
}

/// What is wrong with a list, or with a mutant that the sources have moved away from.
package struct MutantListError: Error, CustomStringConvertible {
    package let place: String
    package let reason: String

    package var description: String { "\(place): \(reason)" }
}
