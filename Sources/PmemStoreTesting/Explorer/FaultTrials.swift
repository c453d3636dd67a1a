internal import PmemStore

/// What a medium may do to a line that it has taken, on top of a power cut.
package enum MediaFault: String, Sendable, CaseIterable {
    case bitFlip, twoBitFlips, tornWord, zeroLine, onesLine, misdirectedLine, lostWrite
}

/// Damages crash images and judges what recovery makes of them: the right answer, or a typed error; of the newest
/// commit alone damage may look like a torn tail (docs/crash-model.md). Never a wrong answer.
///
/// Lines are hit that recovery and the oracle read. Records are verified when they are read, since without that option
/// the store does not promise to notice.
final class FaultTrials {
    private let image: CrashImage
    private var random: SeededGenerator
    /// Lines that recovery and the oracle have read at this crash point.
    private var lines: [Int] = []
    private var point = -1

    /// What a damaged store may be found as.
    struct Promise {
        /// Without a loss.
        let states: [ExpectedState]
        /// The commit before the newest acknowledged one, and what the newest has stored.
        let previous: ExpectedState
        let newest: [Range<Int>]
        /// An older commit, where the newest superblock is gone and its space may have been used since.
        let older: (UInt64) -> ExpectedState?
    }

    /// `unverified`: a record's key was damaged, and keys are compared without their checksum being verified.
    enum Result { case right, reported, tailLost, unverified, wrong(String) }

    init(_ parent: SimulatedMemory, layout: SimulatedLayout, seed: UInt64) {
        image = CrashImage(parent.makeChild(isTracking: false), layout: layout, verifiesRecords: true)
        random = SeededGenerator(seed: seed)
    }

    func restart(seed: UInt64) { random = SeededGenerator(seed: seed) }

    /// Damages one future of a power cut. nil: it has nothing to damage in this way.
    func trial(_ future: SimulatedMemory, at point: Int, _ promise: Promise) -> (fault: MediaFault, Result)? {
        load(future)
        if point != self.point {
            self.point = point
            image.memory.beginRecording()
            _ = image.check(allowed: promise.states)
            lines = image.memory.endRecording()
            load(future)
        }
        let fault = MediaFault.allCases.randomElement(using: &random) ?? .bitFlip
        guard let line = damage(fault, future) else { return nil }
        return (fault, judge(line, promise) { self.load(future) })
    }

    private func load(_ future: SimulatedMemory) {
        future.materialize(into: image.memory, restArrives: false)
    }

    private func judge(_ line: Int, _ promise: Promise, _ reload: () -> Void) -> Result {
        let damaged = (0..<8).map { image.memory.word(line + 8 * $0) }
        let verdict = image.check(allowed: promise.states + [promise.previous])
        guard let failure = verdict.failure else {
            if promise.states.contains(where: { $0.commit == verdict.commit }) { return .right }
            let isNewest = promise.newest.contains { $0.overlaps(line..<(line + 64)) }
            return isNewest || image.layout.region(line) == .superblock
                ? .tailLost : .wrong("commit \(promise.previous.commit + 1) is lost")
        }
        if case .corrupted? = verdict.error { return .reported }
        if case .open? = verdict.error { return .reported }
        // A key that rots misleads searches (docs/crash-model.md); a recovery that refuses is no wrong answer.
        if image.recordRanges.contains(where: { $0.contains(line) }) { return .unverified }
        guard image.layout.region(line) == .superblock, let commit = verdict.commit,
            let older = promise.older(commit)
        else { return .wrong("line \(line), \(failure)") }
        reload()
        for place in 0..<8 { image.memory.setEverywhere(line + 8 * place, damaged[place]) }
        return image.check(allowed: [older]).failure.map { .wrong($0) } ?? .tailLost
    }

    // MARK: Faults

    /// Does it to a line; returns which.
    private func damage(_ fault: MediaFault, _ future: SimulatedMemory) -> Int? {
        guard let line = lines.randomElement(using: &random) else { return nil }
        let memory = image.memory
        let place = line + 8 * Int.random(in: 0..<8, using: &random)
        switch fault {
        case .bitFlip, .twoBitFlips:
            for _ in 0..<(fault == .bitFlip ? 1 : 2) {
                let bit = UInt64(1) << UInt64.random(in: 0..<64, using: &random)
                memory.setEverywhere(place, memory.word(place) ^ bit)
            }
        case .tornWord:
            memory.setEverywhere(place, memory.word(place) & 0xffff_ffff | random.next() << 32)
        case .zeroLine, .onesLine:
            for place in stride(from: line, to: line + 64, by: 8) {
                memory.setEverywhere(place, fault == .zeroLine ? 0 : .max)
            }
        case .misdirectedLine:
            guard let source = lines.randomElement(using: &random), source != line else { return nil }
            for place in stride(from: 0, to: 64, by: 8) {
                memory.setEverywhere(line + place, memory.word(source + place))
            }
        case .lostWrite: return lose(future)
        }
        return line
    }

    /// The newest write to a line has never arrived.
    private func lose(_ future: SimulatedMemory) -> Int? {
        let lost = future.overwrittenLines.filter { lines.contains($0.line) }
        guard let (line, words) = lost.randomElement(using: &random) else { return nil }
        for (place, word) in words { image.memory.setEverywhere(place, word) }
        return line
    }
}
