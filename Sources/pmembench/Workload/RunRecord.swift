import Synchronization

/// What a run has measured so far. Safe to read from another thread: an interrupted run is reported as far as it got.
final class RunRecord: Sendable {
    private struct Entry {
        let parameters: RunParameters
        let benchmark: BenchmarkCase
        let engine: EngineName
        let obstacle: String?
        var rounds: [RoundResult] = []
    }

    private let entries = Mutex<[Entry]>([])

    /// True when there is such a row already.
    func has(_ parameters: RunParameters, _ benchmark: BenchmarkCase, _ engine: EngineName) -> Bool {
        entries.withLock { entries in
            entries.contains { entry in
                entry.engine == engine && entry.benchmark.label == benchmark.label
                    && entry.benchmark.operationsPerTransaction == benchmark.operationsPerTransaction
                    && entry.parameters.isSameMeasurement(as: parameters)
            }
        }
    }

    /// Announces a row, so that rows come in the order of their announcements. Returns its place.
    func announce(
        _ parameters: RunParameters, _ benchmark: BenchmarkCase, _ engine: EngineName, obstacle: String?
    ) -> Int {
        entries.withLock { entries in
            entries.append(
                Entry(parameters: parameters, benchmark: benchmark, engine: engine, obstacle: obstacle))
            return entries.count - 1
        }
    }

    func add(_ result: RoundResult, to row: Int) {
        entries.withLock { $0[row].rounds.append(result) }
    }

    /// A row for each benchmark and engine with at least one round, or with a reason why there is none.
    var rows: [BenchmarkRow] {
        entries.withLock { $0 }.compactMap { entry in
            entry.obstacle.map {
                BenchmarkRow(entry.parameters, entry.benchmark, entry.engine, obstacle: $0)
            }
                ?? BenchmarkRow(
                    parameters: entry.parameters, benchmark: entry.benchmark, engine: entry.engine,
                    rounds: entry.rounds)
        }
    }
}
