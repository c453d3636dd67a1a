/// What records that have died will give back: an estimate, by which a checkpoint is preferred to growth.
package struct DeadRecords: Sendable {
    /// Records that have died since the last cut.
    package private(set) var waiting = 0
    /// Records that the checkpoint at work sets free; 0 while there is none.
    package private(set) var returning = 0
    /// Bytes of a record, on the average of what the last checkpoint has set free.
    private var meanBytes = 64

    @inline(__always)
    package mutating func add(_ count: Int) { waiting &+= count }

    /// A checkpoint begins.
    package mutating func cut() {
        returning = waiting
        waiting = 0
    }

    /// The checkpoint has failed: the next one sets free what it was to.
    package mutating func cancel() {
        waiting += returning
        returning = 0
    }

    /// What the checkpoint has set free can be used again.
    package mutating func endReturning(meanBytes: Int) {
        self.meanBytes = meanBytes
        returning = 0
    }

    /// True when a checkpoint, the one at work or one that begins now, sets free a sixteenth of `usedBytes`.
    @inline(__always)
    package func isWorthFreeing(usedBytes: Int) -> Bool {
        max(waiting, returning) * meanBytes >= usedBytes / Self.share
    }

    /// Less would have nodes written anew too often for what comes back; more, and the file grows needlessly.
    private static var share: Int { 16 }
}
