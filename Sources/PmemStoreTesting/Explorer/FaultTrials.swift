internal import PmemStore

/// Damages futures of power cuts and judges what the store makes of them.
///
/// Right is what the undamaged future gives, and a typed error that names a place: at opening, or where what is damaged
/// is read. What the bytes cannot tell from a crash is excused by where the damage is, never by what it has led to, and
/// only as an earlier commit, whole (docs/testing.md, "Media faults"). Records are verified when they are read; without
/// that option the store does not promise to notice.
final class FaultTrials {
    private let image: CrashImage
    private var random: SeededGenerator
    /// Lines that recovery and the oracle have read at this crash point.
    private var lines: [Int] = []
    private var point = -1
    /// The superblock that the undamaged future is recovered from.
    private var superblock = 0..<0

    /// What the damaged future is compared with.
    struct Promise {
        /// What the undamaged future was found as, and may be found as.
        let commit: UInt64
        let states: [ExpectedState]
        /// Bytes that the commit which was found has stored: entry, pad, records, what they name.
        let stored: [Range<Int>]
        /// Commits before.
        let earlier: (UInt64) -> ExpectedState?
    }

    enum Result {
        /// The answer of the undamaged future.
        case right
        /// A typed error.
        case reported
        /// The damage is in what the newest commit has stored: it ends like a torn one, at the commit before.
        case tailLost
        /// The damage is in the newest superblock: the one before counts, and what follows it in the log.
        case superblockLost
        /// The damage is in a key. Replay has compared it with a new one, and a verified read refuses its record.
        case keyRotten
        case wrong(String)
    }

    init(_ parent: SimulatedMemory, layout: SimulatedLayout, plan: CrashPlan, seed: UInt64) {
        image = CrashImage(
            parent.makeChild(isTracking: false), layout: layout, verifiesRecords: plan.verifiesRecords)
        random = SeededGenerator(seed: seed)
    }

    func restart(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        point = -1
    }

    /// Damages one future of a power cut, by chance or as told. nil: there is nothing to damage in this way.
    func trial(
        _ future: SimulatedMemory, at point: Int, _ promise: Promise, _ told: MediaFault? = nil
    ) -> (fault: MediaFault, Result)? {
        if point != self.point || told != nil {
            self.point = point
            load(future)
            image.memory.beginRecording()
            superblock = image.check(allowed: promise.states).superblock
            lines = image.memory.endRecording()
        }
        load(future)
        guard let fault = told ?? MediaFault.random(on: lines, image.memory, using: &random),
            fault.fits(image.memory)
        else { return nil }
        return (fault, judge(future, fault, promise))
    }

    private func load(_ future: SimulatedMemory) {
        future.materialize(into: image.memory, restArrives: false)
    }

    private func judge(_ future: SimulatedMemory, _ fault: MediaFault, _ promise: Promise) -> Result {
        let damaged = fault.strike(image.memory)
        var verdict = image.check(allowed: promise.states)
        guard let failure = verdict.failure else { return .right }
        if isReported(verdict) { return .reported }
        guard let commit = verdict.commit else { return .wrong(failure) }
        if !promise.states.contains(where: { $0.commit == commit }) {
            guard commit < promise.commit, let state = promise.earlier(commit),
                let excuse = excuse(commit, damaged, promise)
            else { return .wrong(failure) }
            load(future)
            _ = fault.strike(image.memory)
            verdict = image.check(allowed: [state])
            if verdict.failure == nil { return excuse }
            if isReported(verdict) { return .reported }
        }
        load(future)
        return isRotten(verdict.rot, damaged) ? .keyRotten : .wrong(verdict.failure ?? failure)
    }

    /// An error that names a place; of a page that cannot be read also what every later read and commit ends with.
    private func isReported(_ verdict: CrashImage.Verdict) -> Bool {
        switch verdict.error {
        case .corrupted: true
        case .commit(.poisoned): image.memory.isBroken
        default: verdict.commit != nil && image.memory.isBroken
        }
    }

    /// Why an earlier commit may be found, by the site of the damage.
    private func excuse(_ commit: UInt64, _ damaged: Range<Int>, _ promise: Promise) -> Result? {
        if superblock.overlaps(damaged) { return .superblockLost }
        let isTail = promise.stored.contains { $0.overlaps(damaged) }
        return isTail && commit + 1 == promise.commit ? .tailLost : nil
    }

    /// The damage is in header or key of the very record that a verified read refuses. The image is undamaged again.
    private func isRotten(_ error: StoreError?, _ damaged: Range<Int>) -> Bool {
        guard case .corrupted(let corruption)? = error, corruption.structure == .record else { return false }
        let start = Int(corruption.offset)
        let keyBytes = Int(image.memory.word(start + 8) & 0xffff)
        return damaged.overlaps(start..<(start + 12 + keyBytes))
    }
}
