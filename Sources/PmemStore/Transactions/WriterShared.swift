internal import CPmem

/// The part of the write side that the checkpointer changes too: under the write gate, or while a writer that waits for
/// it has lent it the gate.
///
/// It lies behind a pointer because a writer waits in the middle of its own calls. Were it part of the ``Writer``
/// itself, those calls would have exclusive access to it by the rules of the language, and the optimiser would rely
/// on that.
package struct WriterShared<M: Medium>: ~Copyable {
    package var heap: RecordHeap<M>
    package var log: CommitLog<M>
    package var pace: Pace
    /// Newest published commit.
    package var commit: UInt64
    /// Epoch that the next commit will be part of; ends with a checkpoint's cut.
    package var epoch: UInt32
    /// Number of the next table to be created.
    package var nextTable: UInt32
    /// Births and deaths since the last cut.
    package var deltas = WordList(capacity: 1 << 16)
    /// What the records among these will give back.
    package var dead = DeadRecords()
    /// The commit whose nodes the checkpointer is writing; 0 while it writes none. Retiring a node of that commit needs
    /// an atomic mark; younger ones it cannot meet.
    package var cutCommit: UInt64 = 0
    /// Why commits are refused, once they are.
    package var poisonReason: String?

    init(
        heap: consuming RecordHeap<M>, log: consuming CommitLog<M>, pace: Pace, commit: UInt64, epoch: UInt32,
        nextTable: UInt32
    ) {
        self.heap = heap
        self.log = log
        self.pace = pace
        self.commit = commit
        self.epoch = epoch
        self.nextTable = nextTable
    }

    deinit {
        deltas.deallocate()
        log.deallocate()
    }
}

// The writer's names for what it shares. Each use is an access of its own through the pointer.
extension Writer {
    package var heap: RecordHeap<M> {
        @inline(__always) _read { yield unsafe shared.pointee.heap }
        @inline(__always) nonmutating _modify { yield unsafe &shared.pointee.heap }
    }
    package var log: CommitLog<M> {
        @inline(__always) _read { yield unsafe shared.pointee.log }
        @inline(__always) nonmutating _modify { yield unsafe &shared.pointee.log }
    }
    package var pace: Pace {
        @inline(__always) _read { yield unsafe shared.pointee.pace }
        @inline(__always) nonmutating _modify { yield unsafe &shared.pointee.pace }
    }
    package var commit: UInt64 {
        @inline(__always) _read { yield unsafe shared.pointee.commit }
        @inline(__always) nonmutating _modify { yield unsafe &shared.pointee.commit }
    }
    package var epoch: UInt32 {
        @inline(__always) _read { yield unsafe shared.pointee.epoch }
        @inline(__always) nonmutating _modify { yield unsafe &shared.pointee.epoch }
    }
    package var nextTable: UInt32 {
        @inline(__always) _read { yield unsafe shared.pointee.nextTable }
        @inline(__always) nonmutating _modify { yield unsafe &shared.pointee.nextTable }
    }
    package var deltas: WordList {
        @inline(__always) _read { yield unsafe shared.pointee.deltas }
        @inline(__always) nonmutating _modify { yield unsafe &shared.pointee.deltas }
    }
    package var dead: DeadRecords {
        @inline(__always) _read { yield unsafe shared.pointee.dead }
        @inline(__always) nonmutating _modify { yield unsafe &shared.pointee.dead }
    }
    package var cutCommit: UInt64 {
        @inline(__always) _read { yield unsafe shared.pointee.cutCommit }
        @inline(__always) nonmutating _modify { yield unsafe &shared.pointee.cutCommit }
    }
    package var poisonReason: String? {
        @inline(__always) _read { yield unsafe shared.pointee.poisonReason }
        @inline(__always) nonmutating _modify { yield unsafe &shared.pointee.poisonReason }
    }
}
