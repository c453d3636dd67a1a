internal import PmemStoreTesting
internal import StoreWorkloads

@testable internal import PmemStore

/// One store, killed again and again while threads append to its lists; judged after each kill.
struct KillRounds {
    /// Lists grow with each transaction, so now and then new ones begin.
    private static let roundsPerGeneration: UInt64 = 5

    let scratch: ScratchDirectory
    let ledgers = ScratchDirectory(.volatileMemory)
    let seed: UInt64
    /// In power-cut mode, how many fences are lost; nil: ordinary kills.
    let lostFences: UInt64?
    /// Commits whose acknowledge was read back, for a test to see that something happened.
    private(set) var commits = 0

    init(_ place: Place, seed: UInt64, lostFences: UInt64?) {
        scratch = ScratchDirectory(place)
        self.seed = seed
        self.lostFences = lostFences
    }

    /// What is wrong after round number `round`; empty when nothing is.
    mutating func run(_ round: UInt64) throws -> [String] {
        var random = SeededGenerator(seed: seed &* 10_000 &+ round)
        // One in four by the clock alone: some of these die while they recover.
        let deadline = random.oneIn(4) ? 0 : UInt64.random(in: 1...60, using: &random)
        let microseconds = UInt64.random(in: 0...(deadline == 0 ? 40_000 : 3000), using: &random)
        let generation = round / Self.roundsPerGeneration
        let environment = lostFences.map { ["PMEMSTORE_POWER_CUT=\(random.next() >> 1),\($0)"] } ?? []
        let end = Probe.run(
            [
                "append", scratch.store, ledgers.path, "\(round + 1)", "\(generation)",
                "\(random.next() >> 1)",
                "\(deadline)", "\(microseconds)",
            ], environment: environment)
        guard end.signal == 9 else { return ["the probe was not killed: \(end)"] }
        let store: Store
        do {
            store = try Store.open(scratch.store, options: AppendWorkload.options)
        } catch {
            return ["the store does not open: \(error)"]
        }
        let workload = AppendWorkload(
            ledgerDirectory: ledgers.path, process: round + 1, generation: generation, seed: 0)
        workload.recordFinalRead(store)
        let damaged = try AppendWorkload.damagedBallast(store)
        try store.close()
        let history = try History(ledgers: ledgers.path, generation: generation)
        commits = max(commits, history.transactions.count { $0.outcome == .committed && !$0.isReader })
        let anomalies = IsolationChecker.check(history) + SerialOrderChecker.check(history)
        return anomalies.map(\.description) + damaged.map { "value \($0) is damaged" }
    }
}
