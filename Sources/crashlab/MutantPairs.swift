internal import ArgumentParser
internal import PmemStoreTesting

extension PairScore {
    /// - Throws: where too few were killed.
    func close() throws {
        print(summary)
        if !isEnough { throw ExitCode.failure }
    }
}

/// - Throws: where a filter has left nothing to judge.
func checkFilter(_ only: String, leaves pairs: Int) throws {
    if pairs == 0 { throw ValidationError("--only: no pair of this sample has '\(only)' in its name") }
}

/// - Throws: for a number of pairs that is none, or one beside a sample of single mutants.
func checkPairs(_ pairs: Int?, sample: Int = 0) throws {
    guard let pairs else { return }
    if pairs < 0 { throw ValidationError("--pairs must be 0 (all) or more, not \(pairs)") }
    if sample != 0 { throw ValidationError("--sample is of single mutants: leave it out beside --pairs") }
}
