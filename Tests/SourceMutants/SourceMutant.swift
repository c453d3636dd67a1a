/// A mistake in the engine's source, made on purpose: something must notice it.
package struct SourceMutant: Sendable {
    /// What is expected to notice it.
    package enum Judge: Sendable, Equatable {
        /// The crash lab.
        case lab
        /// The crash lab, by the budgets of stores, flushes and fences: nothing is wrong, but needless.
        case budget
        /// The tests that a filter names: what no crash shows.
        case tests(String)
    }

    /// By which the woven engine knows it, from 1, in the order of the lists.
    package internal(set) var number = 0
    package let name: String
    package internal(set) var judge = Judge.lab
    /// The bug of another engine that it repeats.
    package internal(set) var origin: String?
    /// Why it changes nothing; nil where it does.
    package internal(set) var proof: String?
    /// Why nothing notices it yet; nil where something does.
    package internal(set) var gap: String?
    package internal(set) var hunks: [Hunk] = []

    init(name: String) { self.name = name }

    /// One that is in no list.
    package init(name: String, number: Int, lines: [Line]) {
        self.name = name
        self.number = number
        hunks = [Hunk(file: "", lines: lines)]
    }

    /// A place that changes: consecutive lines of a file, compared without their indentation.
    package struct Hunk: Sendable {
        /// Below `Sources/PmemStore`.
        package let file: String
        package internal(set) var lines: [Line] = []
    }

    /// A part of a line.
    package struct Piece: Sendable, Equatable {
        package let original: String
        /// What stands in its place; nil: it stays.
        package let mutated: String?

        package init(_ original: String, _ mutated: String? = nil) {
            (self.original, self.mutated) = (original, mutated)
        }
    }

    package enum Line: Sendable, Equatable {
        /// `= text`: stays, and says where the others are.
        case kept(String)
        /// `- text`: of a whole statement.
        case removed(String)
        /// `+ text`: stands in the place of what was removed, or is new.
        case added(String)
        /// `~ text {{original => mutated}} text`: one expression within a line, or several.
        case changed([Piece])

        /// The line as the source has it; nil for one that is added.
        package var source: String? {
            switch self {
            case .kept(let text), .removed(let text): text
            case .added: nil
            case .changed(let pieces): pieces.map(\.original).joined()
            }
        }
    }
}

/// A class of bugs that storage engines have had.
package struct BugClass: Sendable {
    /// A letter for the family, and a number: `F4`.
    package let code: String
    package let title: String
    /// Why this engine has no place for it; nil where it has.
    package internal(set) var reason: String?
    /// What the door's operators do for it: docs/mutants.md.
    package internal(set) var door: String?
    package internal(set) var mutants: [SourceMutant] = []
}
