import PmemStore
import PmemStoreTesting
import SourceMutants

/// Tokens, the power-cut option and the lists of mutants.
enum LabTexts {
    static func powerCut(_ text: String) {
        guard let mode = PowerCutMode(text) else { return }
        precondition(PowerCutMode("\(mode.seed),\(mode.lostFences)") == mode, "read back as another mode")
    }

    static func mutation(_ text: String) {
        guard let mutation = MediumMutation(text: text) else { return }
        precondition(mutation.period > 0 && mutation.operator.applies(to: mutation.kind))
        precondition(!mutation.description.isEmpty)
    }

    static func mutantList(_ text: String) {
        TextFuzz.attempt(MutantListError.self) {
            var parser = MutantListParser(path: "fuzzed.mutants")
            for mutant in try parser.parse(text).flatMap(\.classes).flatMap(\.mutants) {
                for hunk in mutant.hunks {
                    // Into a source that has none of its lines, and into one that has.
                    let lines = hunk.lines.compactMap(\.source)
                    for source in ["", lines.joined(separator: "\n")] {
                        TextFuzz.attempt(MutantListError.self) {
                            var weaver = Weaver(path: hunk.file, text: source)
                            try weaver.add(hunk, of: mutant)
                            _ = try weaver.woven()
                        }
                    }
                }
            }
        }
    }

    static func verdict(_ text: String) {
        guard let verdict = MutantReport.Verdict(line: text) else { return }
        precondition(
            MutantReport.Verdict(line: verdict.line)?.line == verdict.line, "read back as another one")
    }

    // MARK: Tokens

    /// A token of the lab, read back and, where it does not take long, repeated: the engine has no failure.
    static func token(_ text: String) {
        guard let token = ReplayToken(text) else { return }
        precondition(
            ReplayToken(token.description)?.description == token.description, "read back as another one")
        guard token.path.count <= 2, isShort(token.workload) else { return }
        do {
            let failure = try FailureAnalyst(token.workload, depth: token.depth).replay(token.path)
            precondition(failure == nil, "a failure that is none: \(failure?.description ?? "")")
        } catch {
            preconditionFailure("a token cannot be repeated: \(error)")
        }
    }

    private static func isShort(_ workload: CrashWorkload) -> Bool {
        switch workload {
        case .sequence(_, let shapes, _): shapes.count <= 4
        case .random(_, let steps, _, _): steps <= 12
        case .threads: true
        case .growth: false  // a fault may hit what the file system keeps
        }
    }

    /// A token of an application's lab, repeated with a run of two transactions.
    static func labToken(_ text: String) {
        let token = CrashLabToken(text)
        if let token { precondition(CrashLabToken(token.description) == token, "read back as another one") }
        var lab = CrashLab(token?.name ?? "fuzzed")
        lab.storeBytes = 8 << 20
        TextFuzz.attempt(CrashLabError.self) {
            try lab.replay(text) { store in
                for number in 0..<2 {
                    try store.write { tx in try tx.put([UInt8(number)], forKey: [1]) }
                }
            } verify: { store in
                _ = try store.read { tx in try tx.get([1]) }
            }
        }
    }
}
