internal import CPmem

/// How much the commit log may hold, so that replaying it takes no longer than the recovery-time target.
package struct Pace: Sendable {
    /// Time that recovery may take.
    package let targetNanoseconds: UInt64
    /// Measured time to replay 1000 operations; starts from a careful guess.
    package private(set) var replayNanoseconds: UInt64
    /// Operations ever appended to the log, and of these the ones that the last checkpoint holds.
    package var logged: UInt64 = 0
    package private(set) var checkpointed: UInt64 = 0
    /// Operations when the checkpoint in progress, or the last one, began.
    private var begun: UInt64 = 0
    /// Operations that the log may hold at most.
    package private(set) var budget: UInt64 = 0
    /// Operations that should still fit when a checkpoint begins, so that commits need not wait for its end.
    private var reserve: UInt64 = .max

    /// Bytes of large values whose verification takes as long as replaying one operation.
    package static let bytesPerOperation = 4096

    /// Before anything was measured, per 1000 operations.
    private static let guess: UInt64 = 450_000

    package init(targetNanoseconds: UInt64, replayNanoseconds: UInt64) {
        self.targetNanoseconds = targetNanoseconds
        self.replayNanoseconds = replayNanoseconds == 0 ? Self.guess : replayNanoseconds
        setBudget()
    }

    private mutating func setBudget() {
        // Opening does more than replay, and machines differ from day to day: plan with two thirds of the target.
        let planned = targetNanoseconds / 3 * 2
        budget = max(
            1000,
            planned.multipliedFullWidth(by: 1000).high == 0
                ? planned &* 1000 / replayNanoseconds : .max / 4)
    }

    /// Takes a replay of `operations` into account.
    package mutating func measured(operations: UInt64, nanoseconds: UInt64) {
        guard operations >= 1000 else { return }
        replayNanoseconds = max(1, nanoseconds * 1000 / operations)
        setBudget()
    }

    /// A checkpoint begins; it will hold what was logged so far.
    package mutating func begin() { begun = logged }

    /// A checkpoint is durable that holds the first `operations` ever logged.
    package mutating func end(operations: UInt64) {
        checkpointed = operations
        reserve = 2 * (logged - operations)
    }

    /// A checkpoint should begin. Few checkpoints are cheap ones: a node that many commits change is written once.
    @inline(__always)
    package var isDue: Bool {
        logged &- begun >= budget &- min(max(reserve, budget >> 3), budget >> 1)
    }

    /// Commits must wait for the checkpoint.
    @inline(__always)
    package var isOverdue: Bool { logged &- checkpointed >= budget }
}
