/// Images of power cuts, one for each future.
extension SimulatedMemory {
    /// Reads through the door since ``resetReadCount()``.
    package var readCount: Int { unsafe reads.pointee.count }

    func resetReadCount() { unsafe reads.pointee.count = 0 }

    /// What a power cut would leave here is now the question, once more for each ``beginFuture()``.
    package func beginPowerCut() {
        guard let parent else { return }
        unsafe cut.pointee.begin(parent)
    }

    /// Becomes the parent's durable image with the fate of pending units open.
    package func beginFuture() {
        reset()
        unsafe cut.pointee.beginRun()
    }

    /// Turns to the next future; false when all were run.
    package func nextFuture() -> Bool { unsafe cut.pointee.advance() }

    /// Decisions that this future has met; empty when nobody has read what is pending.
    package var decisions: [Int32] {
        get { unsafe cut.pointee.decisions }
        set { unsafe cut.pointee.decisions = newValue }
    }

    /// Instead of ``decisions``: groups that do not arrive whole, by index.
    package var fates: [Int: Int32]? {
        get { unsafe cut.pointee.fates }
        set { unsafe cut.pointee.fates = newValue }
    }

    package var decidedGroups: [DecidedGroup] { unsafe cut.pointee.decided }

    /// Lines that were stored to, and of which a word is neither durable nor on its way.
    package var lostLines: [Int] {
        let pending = Set(units.map(\.offset))
        return unsafe marks.pointee.lines.map { Int($0) << 6 }.filter { line in
            stride(from: line, to: line + 64, by: 8).contains {
                word($0) != durableWord($0) && !pending.contains($0)
            }
        }
    }

    /// Decisions that were met so far in this future.
    package var decisionCount: Int { unsafe cut.pointee.decisionCount }

    /// What nobody has read in this future does not arrive: from here on the image is ordinary memory.
    package func settleFuture() { unsafe cut.pointee.stop() }

    /// Lays this future's image, before anything was written to it, into a sibling.
    package func materialize(into sibling: SimulatedMemory, restArrives: Bool) {
        sibling.reset()
        unsafe cut.pointee.materialize(into: sibling, restArrives: restArrives)
    }

    /// What this future has decided, group by group.
    package var futureDescription: [String] { unsafe cut.pointee.description }

    /// Of what differs from the parent's durable image.
    package var imageHash: Int {
        var hasher = Hasher()
        for line in unsafe marks.pointee.lines.sorted() {
            hasher.combine(line)
            for place in 0..<8 { hasher.combine(word(Int(line) << 6 + 8 * place)) }
        }
        return hasher.finalize()
    }

    /// - Parameter isChecked: One checksum covers all of it, and the reader goes by that.
    @inline(__always)
    func willRead(_ offset: Int, _ byteCount: Int, isChecked: Bool = false) {
        precondition(
            offset >= 0 && byteCount >= 0 && offset + byteCount <= self.byteCount, "a read beyond the medium")
        unsafe reads.pointee.count &+= 1
        if unsafe reads.pointee.isOpen, byteCount > 0 { openLines(offset, byteCount, isChecked) }
    }

    @inline(never)
    private func openLines(_ offset: Int, _ byteCount: Int, _ isChecked: Bool) {
        let end = (offset + byteCount + 63) >> 6
        if unsafe reads.pointee.isWatched { watch(offset >> 6, end) }
        let line = unsafe reads.pointee.firstOpen(offset >> 6, end)
        // Of what no checksum covers nothing is known together.
        let covered = offset..<(isChecked ? offset + byteCount : offset)
        if line < end { decide(from: line, end, covered) }
    }

    @inline(never)
    private func decide(from first: Int, _ end: Int, _ covered: Range<Int>) {
        var line = first
        while line < end {
            unsafe cut.pointee.decide(line, covered, in: self)
            line = unsafe reads.pointee.firstOpen(line + 1, end)
        }
    }

    @inline(never)
    private func watch(_ first: Int, _ end: Int) {
        for line in first..<end {
            recording?.append(line << 6)
            if poisoned.contains(line << 6) { isBroken = true }
        }
    }

    @inline(__always)
    func overwrite(_ offset: Int, _ byteCount: Int) {
        if byteCount == 0 { return }
        for line in (offset >> 6)...((offset + byteCount - 1) >> 6) {
            mark(line)
            if unsafe reads.pointee.isOpen { unsafe cut.pointee.overwrite(line) }
        }
    }

    /// As ``setEverywhere(_:_:)``.
    @inline(__always)
    func setEverywhere(_ unit: PendingUnit) { setEverywhere(unit.offset, unit.value) }

    /// A pending unit has arrived.
    @inline(__always)
    func place(_ unit: PendingUnit) {
        mark(unit.offset >> 6)
        unsafe (base + unit.offset).storeBytes(of: unit.value, as: UInt64.self)
    }
}
