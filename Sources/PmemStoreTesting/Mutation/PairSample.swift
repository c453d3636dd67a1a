package import PmemStore

/// Pairs of mutants that are on at the same time, drawn by a seed.
///
/// What one mutant does wrong may hide what the other does, where both stand before the same promise. So half of a
/// sample are pairs that are close, a quarter are related, a quarter have nothing to do with each other. Where one kind
/// has too few, the others give more.
package struct PairSample<Mutant> {
    package enum Kinship: Int, CaseIterable {
        case close, related, foreign
    }

    package let pairs: [(first: Mutant, second: Mutant)]
    /// How many there are to draw from.
    package let available: Int

    /// - Parameters:
    ///   - count: 0: all pairs.
    ///   - kinship: nil: the two are no pair.
    /// - Complexity: The square of the number of mutants.
    package init(
        of mutants: [Mutant], count: Int, seed: UInt64, kinship: (Mutant, Mutant) -> Kinship?
    ) {
        var kinds = [[(Int, Int)]](repeating: [], count: Kinship.allCases.count)
        for first in mutants.indices {
            for second in mutants.indices.dropFirst(first + 1) {
                if let kind = kinship(mutants[first], mutants[second]) {
                    kinds[kind.rawValue].append((first, second))
                }
            }
        }
        available = kinds.map(\.count).reduce(0, +)
        let wanted = count == 0 ? available : min(count, available)
        let shares = [wanted - wanted / 4 * 2, wanted / 4, wanted / 4]
        var random = SeededGenerator(seed: seed)
        let shuffled = kinds.map { $0.shuffled(using: &random) }
        let drawn = zip(shuffled, shares).flatMap { $0.prefix($1) }
        let rest = zip(shuffled, shares).flatMap { $0.dropFirst($1) }
        pairs = (drawn + rest).prefix(wanted).map { (mutants[$0.0], mutants[$0.1]) }
    }
}

extension MutationCampaign {
    /// Pairs of calls at different sites. Close: of one role in one file, so that one fence or one promise answers for
    /// both. Related: of one role, or in one file.
    package func pairs(count: Int, seed: UInt64) -> PairSample<(mutation: MediumMutation, site: Site)> {
        PairSample(of: placed, count: count, seed: seed) { first, second in
            if first.site == second.site { return nil }
            let isOneRole = first.site.role == second.site.role
            let isOneFile = first.site.source.file == second.site.source.file
            return isOneRole && isOneFile ? .close : isOneRole || isOneFile ? .related : .foreign
        }
    }
}
