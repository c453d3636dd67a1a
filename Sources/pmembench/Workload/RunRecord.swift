import Synchronization

/// What a run has measured so far. Safe to read from another thread: an interrupted run is reported as far as it got.
final class RunRecord: Sendable {
    private struct Entry {
        let part: String
        let parameters: RunParameters
        let benchmark: BenchmarkCase
        let engine: EngineName
        let obstacle: String?
        /// Of an earlier run; it is not measured again.
        let kept: BenchmarkRow?
        var rounds: [RoundResult] = [] { didSet { made = nil } }
        /// Percentiles take as long to work out as a short round.
        private var made: BenchmarkRow?

        init(
            part: String, parameters: RunParameters, benchmark: BenchmarkCase, engine: EngineName,
            obstacle: String?, kept: BenchmarkRow?
        ) {
            self.part = part
            self.parameters = parameters
            self.benchmark = benchmark
            self.engine = engine
            self.obstacle = obstacle
            self.kept = kept
        }

        /// Worked out once between two rounds.
        mutating func row() -> BenchmarkRow? {
            if made == nil { made = makeRow() }
            return made
        }

        private func makeRow() -> BenchmarkRow? {
            var row = kept
            if let obstacle {
                row = BenchmarkRow(parameters, benchmark, engine, obstacle: obstacle)
            } else if kept == nil {
                row = BenchmarkRow(
                    parameters: parameters, benchmark: benchmark, engine: engine, rounds: rounds)
            }
            row?.part = part
            return row
        }

        var isComplete: Bool { obstacle != nil || kept != nil || rounds.count == parameters.rounds }
    }

    private struct State {
        var entries: [Entry] = []
        var work: String?
    }

    private let state = Mutex(State())
    /// Rows of an earlier run.
    private let earlier: [BenchmarkRow]

    init(earlier: [BenchmarkRow] = []) {
        self.earlier = earlier
    }

    /// True when the benchmark has rows of all engines already.
    func has(_ parameters: RunParameters, _ benchmark: BenchmarkCase, _ engines: [EngineName]) -> Bool {
        state.withLock { state in
            engines.allSatisfy { engine in
                state.entries.contains { entry in
                    entry.engine == engine && entry.benchmark.isSame(as: benchmark)
                        && entry.parameters.isSameMeasurement(as: parameters)
                }
            }
        }
    }

    /// Announces a benchmark's rows, so that rows come in the order of their announcements. Returns their places, and
    /// whether there is nothing left to measure: rounds are pairs, so either all engines' rows are kept or none.
    func announce(
        _ part: String, _ parameters: RunParameters, _ benchmark: BenchmarkCase,
        _ engines: [(name: EngineName, obstacle: String?)]
    ) -> (places: [Int], isDone: Bool) {
        let found = engines.map { engine in
            earlier.first {
                $0.part == part && $0.engine == engine.name && $0.benchmark == benchmark.label
                    && $0.operationsPerTransaction == benchmark.operationsPerTransaction
                    && parameters.isMeasured(by: $0)
            }
        }
        let isDone = zip(engines, found).allSatisfy { $0.obstacle != nil || $1 != nil }
        let entries = zip(engines, found).map { engine, row in
            Entry(
                part: part, parameters: parameters, benchmark: benchmark, engine: engine.name,
                obstacle: engine.obstacle, kept: isDone ? row : nil)
        }
        return state.withLock { state in
            let first = state.entries.count
            state.entries += entries
            return (Array(first..<state.entries.count), isDone)
        }
    }

    func add(_ result: RoundResult, to row: Int) {
        state.withLock { $0.entries[row].rounds.append(result) }
    }

    /// What the run is at.
    func begin(_ work: String) {
        state.withLock { $0.work = work }
    }

    var work: String { state.withLock { $0.work } ?? "before the first round" }

    /// A row for each benchmark and engine with at least one round, or with a reason why there is none.
    var rows: [BenchmarkRow] {
        state.withLock { state in
            state.entries.indices.compactMap { state.entries[$0].row() }
        }
    }

    /// Parts with a benchmark that has fewer rounds than it was to have.
    var missingParts: [String] {
        var missing: [String] = []
        for entry in state.withLock({ $0.entries }) where !entry.isComplete && !missing.contains(entry.part) {
            missing.append(entry.part)
        }
        return missing
    }
}
