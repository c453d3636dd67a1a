internal import PmemStoreTesting
internal import SourceMutants

/// Pairs of source mutants that the lab judges, of different classes of bugs.
///
/// Close: in one file. Related: in one room of the engine, or of one family of bugs. Two of which one would hide the
/// other in the woven text are no pair, and what is proved to change nothing has no part in any.
struct SourcePairs {
    private struct Place {
        let family: String
        let bug: String
        let files: Set<String>
        let rooms: Set<Substring>
    }

    private var mutants: [SourceMutant] = []
    private var places: [Int: Place] = [:]
    private let clashes: Set<[Int]>

    /// - Throws: `MutantListError` for a mutant whose text is not in its file exactly once.
    init(_ woven: WovenPackage) throws {
        clashes = try woven.clashes()
        for family in woven.catalogue.families {
            for bug in family.classes {
                for mutant in bug.mutants where mutant.isJudgedByLab && mutant.proof == nil {
                    let files = mutant.hunks.map(\.file)
                    mutants.append(mutant)
                    places[mutant.number] = Place(
                        family: family.title, bug: bug.code, files: Set(files),
                        rooms: Set(files.map { $0.prefix { $0 != "/" } }))
                }
            }
        }
    }

    func sample(count: Int, seed: UInt64) -> PairSample<SourceMutant> {
        PairSample(of: mutants, count: count, seed: seed) { first, second in
            guard let one = places[first.number], let other = places[second.number], one.bug != other.bug,
                !clashes.contains([first.number, second.number])
            else { return nil }
            if !one.files.isDisjoint(with: other.files) { return .close }
            return one.family == other.family || !one.rooms.isDisjoint(with: other.rooms)
                ? .related : .foreign
        }
    }
}
