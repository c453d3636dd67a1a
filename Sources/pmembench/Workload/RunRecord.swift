import Synchronization

/// What a run has measured so far. Safe to read from another thread: an interrupted run is reported as far as it got.
final class RunRecord: Sendable {
    private struct Entry {
        let parameters: RunParameters
        let benchmark: BenchmarkCase
        let engine: EngineName
        var rounds: [RoundResult] = []
    }

    private struct State {
        var entries: [Entry] = []
        var obstacles: [String] = []
    }

    private let state = Mutex(State())

    /// Announces a row, so that rows come in the order of their announcements. Returns its place.
    func announce(_ parameters: RunParameters, _ benchmark: BenchmarkCase, _ engine: EngineName) -> Int {
        state.withLock { state in
            state.entries.append(Entry(parameters: parameters, benchmark: benchmark, engine: engine))
            return state.entries.count - 1
        }
    }

    func add(_ result: RoundResult, to row: Int) {
        state.withLock { $0.entries[row].rounds.append(result) }
    }

    /// Notes, once, why something was not run.
    func note(_ obstacle: String) {
        state.withLock { state in
            if !state.obstacles.contains(obstacle) { state.obstacles.append(obstacle) }
        }
    }

    var obstacles: [String] { state.withLock { $0.obstacles } }

    /// A row for each benchmark and engine with at least one round.
    var rows: [BenchmarkRow] {
        state.withLock { $0.entries }.compactMap {
            BenchmarkRow(
                parameters: $0.parameters, benchmark: $0.benchmark, engine: $0.engine, rounds: $0.rounds)
        }
    }
}
