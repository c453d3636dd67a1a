/// Which pending units a power cut leaves, decided when somebody first reads them.
///
/// A run of recovery and oracle reads through it. Where a read meets stores whose fate is open, there are several
/// futures; the run goes on with one of them, and ``advance()`` turns to the next, until all were run. What nobody
/// reads never multiplies anything.
///
/// The unit of decision is what one call has stored, since the format covers each with a checksum: all of it arrived,
/// or a proper part. Up to ``exhaustiveLimit`` words every part is run. Of more, these stand for all: nothing, each
/// single word missing, each single word alone, the first and the last so many, and a few at random. Stores in order
/// (plain ones to a line, or to a sector of the page cache) arrive as a prefix.
@safe package final class PowerCut {
    package static let exhaustiveLimit = 6
    private static let randomParts = 4
    /// Groups of more words have so many of them taken singly, evenly spread.
    private static let singlesLimit = 96

    private var flagged: [Int32] = []
    private let lineCount: Int
    /// The run that last wrote a line.
    private let written: UnsafeMutablePointer<UInt32>
    private let reads: UnsafeMutablePointer<ReadState>
    private var run: UInt32 { unsafe reads.pointee.run }
    private var decidedRun: [UInt32] = []
    private var decidedChoice: [Int32] = []
    /// For each group those that share bytes with it.
    private var overlaps: [[Int]] = []
    private var prefixes: [Int: Prefix] = [:]
    private var choices: [Int32] = []
    private var arities: [Int32] = []
    private var cursor = 0
    /// Instead of decisions: the parts of these groups, by index; all others arrive.
    var fates: [Int: Int32]?

    /// What a run knows about the stores of a cell: the last group that is there, and the first that is not.
    private struct Prefix {
        var run: UInt32
        var low: Int
        var high: Int
    }

    init(lines: Int, reads: UnsafeMutablePointer<ReadState>) {
        lineCount = lines
        unsafe self.reads = unsafe reads
        unsafe written = unsafe Virtual.allocate(UInt32.self, count: lines)
    }

    deinit { unsafe Virtual.deallocate(written, count: lineCount) }

    // MARK: Crash points

    /// A new crash point: all decisions about the parent's pending units are open.
    func begin(_ parent: SimulatedMemory) {
        let pending = unsafe reads.pointee.pending
        for line in flagged { unsafe pending[Int(line)] = 0 }
        flagged.removeAll(keepingCapacity: true)
        for unit in parent.units {
            let line = unit.offset >> 6
            if unsafe pending[line] == 0 {
                unsafe pending[line] = 1
                flagged.append(Int32(truncatingIfNeeded: line))
            }
        }
        choices.removeAll(keepingCapacity: true)
        arities.removeAll(keepingCapacity: true)
        decidedRun.refill(parent.groups.count, with: 0)
        decidedChoice.refill(parent.groups.count, with: 0)
        prefixes.removeAll(keepingCapacity: true)
        findOverlaps(parent.groups)
    }

    private func findOverlaps(_ groups: [PendingGroup]) {
        overlaps.refill(groups.count, with: [])
        if groups.count < 2 { return }
        let order = groups.indices.sorted { groups[$0].low < groups[$1].low }
        var reaching: [Int] = []
        for index in order {
            reaching.removeAll { groups[$0].high <= groups[index].low }
            for other in reaching {
                overlaps[index].append(other)
                overlaps[other].append(index)
            }
            reaching.append(index)
        }
    }

    func beginRun() {
        unsafe reads.pointee.isOpen = !decidedRun.isEmpty
        cursor = 0
        if fates != nil { choices.removeAll(keepingCapacity: true) }
        if fates != nil { arities.removeAll(keepingCapacity: true) }
        unsafe reads.pointee.run &+= 1
    }

    /// Turns to the next future; false when all were run.
    package func advance() -> Bool {
        while let choice = choices.last, let arity = arities.last {
            if choice + 1 < arity {
                choices[choices.count - 1] += 1
                return true
            }
            choices.removeLast()
            arities.removeLast()
        }
        return false
    }

    /// The decisions of this run, for a replay token.
    package var decisions: [Int32] {
        get { choices }
        set {
            choices = newValue
            arities = newValue.map { $0 + 1 }
        }
    }

    /// How many decisions this run has met.
    package var decisionCount: Int { cursor }

    /// What has not been read so far in this run does not arrive.
    func stop() { unsafe reads.pointee.isOpen = false }

    private func choose(_ arity: Int, for group: Int) -> Int {
        if cursor == choices.count {
            choices.append(min(fates?[group] ?? 0, Int32(arity) - 1))
            arities.append(Int32(arity))
        }
        arities[cursor] = Int32(arity)
        cursor += 1
        return min(Int(choices[cursor - 1]), arity - 1)
    }

    // MARK: Lines

    /// The run has written the line itself.
    @inline(__always)
    func overwrite(_ line: Int) {
        unsafe written[line] = run
        unsafe reads.pointee.closed[line] = run
    }

    /// Decides about the groups that hold units of a line, and about no others: what is behind them stays open.
    @inline(never)
    func decide(_ line: Int, in memory: SimulatedMemory, _ parent: SimulatedMemory) {
        unsafe reads.pointee.closed[line] = run
        let range = (low: line << 6, high: line << 6 + 64)
        let groups = parent.groups
        for (index, group) in groups.enumerated() where decidedRun[index] != run {
            if group.low < range.high && group.high > range.low { decideGroup(index, in: memory, parent) }
        }
    }

    private func decideGroup(_ index: Int, in memory: SimulatedMemory, _ parent: SimulatedMemory) {
        let group = parent.groups[index]
        let nothing = Self.nothing(group.count)
        if group.cell >= 0 {
            settle(index, isInPrefix(index, of: group.cell) ? 0 : nothing, in: memory, parent)
            return
        }
        // What later stores cover is all there or not at all.
        let isOverlaid = overlaps[index].contains { $0 > index }
        let choice = choose(isOverlaid ? 2 : Self.arity(group.count), for: index)
        settle(index, isOverlaid && choice == 1 ? nothing : choice, in: memory, parent)
    }

    /// Groups of a cell arrive in order: what is decided about one narrows what is left for the others.
    private func isInPrefix(_ index: Int, of cell: Int) -> Bool {
        var prefix = prefixes[cell, default: Prefix(run: 0, low: 0, high: .max)]
        if prefix.run != run { prefix = Prefix(run: run, low: 0, high: .max) }
        let isPresent = index < prefix.low || index < prefix.high && choose(2, for: index) == 0
        if isPresent { prefix.low = max(prefix.low, index) } else { prefix.high = min(prefix.high, index) }
        prefixes[cell] = prefix
        return isPresent
    }

    /// What nobody has read of a cell: behind a group that is there, and before one that is not, if the rest arrives.
    private func arrivesUnread(_ index: Int, of cell: Int, restArrives: Bool) -> Bool {
        guard cell >= 0, let prefix = prefixes[cell], prefix.run == run else { return restArrives }
        return index < prefix.low || restArrives && index < prefix.high
    }

    private func settle(
        _ index: Int, _ choice: Int, in memory: SimulatedMemory, _ parent: SimulatedMemory
    ) {
        decidedRun[index] = run
        decidedChoice[index] = Int32(choice)
        let group = parent.groups[index]
        let younger = overlaps[index].filter { $0 > index && decidedRun[$0] == run }
        let units = parent.units
        for place in 0..<group.count where Self.isPresent(place, of: group.count, choice, seed: group.event) {
            let unit = units[group.first + place]
            if unsafe written[unit.offset >> 6] == run { continue }
            if younger.contains(where: { hasPlaced(unit.offset, by: $0, parent) }) { continue }
            memory.place(unit)
        }
    }

    /// True where a younger group, about which was decided before, has a word.
    private func hasPlaced(_ offset: Int, by index: Int, _ parent: SimulatedMemory) -> Bool {
        let group = parent.groups[index]
        return (0..<group.count).contains { place in
            parent.units[group.first + place].offset == offset
                && Self.isPresent(place, of: group.count, Int(decidedChoice[index]), seed: group.event)
        }
    }

    /// Lays this run's decisions, and one for all groups that nobody has read, into another memory.
    func materialize(into memory: SimulatedMemory, _ parent: SimulatedMemory, restArrives: Bool) {
        let units = parent.units
        for (index, group) in parent.groups.enumerated() {
            let isDecided = decidedRun[index] == run
            if !isDecided, !arrivesUnread(index, of: group.cell, restArrives: restArrives) { continue }
            let choice = isDecided ? Int(decidedChoice[index]) : 0
            for place in 0..<group.count
            where Self.isPresent(place, of: group.count, choice, seed: group.event) {
                let unit = units[group.first + place]
                memory.setEverywhere(unit.offset, unit.value)
            }
        }
    }

    /// The groups that this run has decided about.
    func decided(_ parent: SimulatedMemory) -> [DecidedGroup] {
        parent.groups.indices.filter { decidedRun[$0] == run }.map {
            let group = parent.groups[$0]
            let nothing = Int32(Self.nothing(group.count))
            return DecidedGroup(index: $0, group: group, choice: decidedChoice[$0], nothing: nothing)
        }
    }

    /// For each group that was read: how much of it has arrived.
    func description(_ parent: SimulatedMemory) -> [String] {
        parent.groups.indices.map { index in
            let group = parent.groups[index]
            let site = group.site == 0 ? "" : ", line \(group.site)"
            let place = "event \(group.event)\(site), \(group.count) words from \(group.low)"
            if decidedRun[index] != run { return "\(place): never read" }
            let choice = Int(decidedChoice[index])
            let missing = (0..<group.count).filter {
                !Self.isPresent($0, of: group.count, choice, seed: group.event)
            }
            if missing.isEmpty { return "\(place): arrived" }
            if missing.count == group.count { return "\(place): did not arrive" }
            let offsets = missing.prefix(4).map { String(parent.units[group.first + $0].offset) }
            return "\(place): \(missing.count) words missing, \(offsets.joined(separator: ", "))"
        }
    }

    // MARK: Parts

    /// Parts of a group of `count` words, the whole among them.
    package static func arity(_ count: Int) -> Int {
        if count <= exhaustiveLimit { return 1 << count }
        let singles = min(count, singlesLimit)
        return 2 + 2 * singles + 2 * (singles - 3) + randomParts
    }

    /// The part without any word.
    static func nothing(_ count: Int) -> Int { count <= exhaustiveLimit ? 1 << count - 1 : 1 }

    /// True when part `choice` of a group has the word at `place`. Part 0 is the whole.
    package static func isPresent(_ place: Int, of count: Int, _ choice: Int, seed: Int) -> Bool {
        if choice == 0 { return true }
        if count <= exhaustiveLimit { return ((1 << count) - 1 - choice) >> place & 1 == 1 }
        if choice == 1 { return false }
        let singles = min(count, singlesLimit)
        var rest = choice - 2
        if rest < singles { return place != single(rest, count) }
        rest -= singles
        if rest < singles { return place == single(rest, count) }
        rest -= singles
        if rest < singles - 3 { return place < single(rest + 2, count) }
        rest -= singles - 3
        if rest < singles - 3 { return place >= single(rest + 2, count) }
        rest -= singles - 3
        if place == (rest + seed) % count { return false }
        let mixed = (UInt64(place) &+ UInt64(rest + 7 * seed)) &* 0xbf58_476d_1ce4_e5b9
        return (mixed ^ mixed >> 29) &* 0x94d0_49bb_1331_11eb >> 40 & 1 == 1
    }

    private static func single(_ index: Int, _ count: Int) -> Int {
        count <= singlesLimit ? index : index * (count - 1) / (singlesLimit - 1)
    }
}

extension Array {
    /// Holds so many of a value, in the memory that it has.
    fileprivate mutating func refill(_ count: Int, with value: Element) {
        removeAll(keepingCapacity: true)
        for _ in 0..<count { append(value) }
    }
}

/// How much of a group of pending stores has arrived in a future.
package struct DecidedGroup: Sendable {
    package let index: Int
    package let group: PendingGroup
    /// 0: all of it.
    package let choice: Int32
    /// The choice that stands for nothing of it.
    package let nothing: Int32
}

extension SimulatedMemory {
    /// Reads through the door since ``resetReadCount()``.
    package var readCount: Int { unsafe reads.pointee.count }

    func resetReadCount() { unsafe reads.pointee.count = 0 }

    /// What a power cut would leave here is now the question, once more for each ``beginFuture()``.
    package func beginPowerCut() {
        guard let parent else { return }
        cut.begin(parent)
    }

    /// Becomes the parent's durable image with the fate of pending units open.
    package func beginFuture() {
        reset()
        cut.beginRun()
    }

    /// Turns to the next future; false when all were run.
    package func nextFuture() -> Bool { cut.advance() }

    /// Decisions that this future has met; empty when nobody has read what is pending.
    package var decisions: [Int32] {
        get { cut.decisions }
        set { cut.decisions = newValue }
    }

    /// Instead of ``decisions``: groups that do not arrive whole, by index.
    package var fates: [Int: Int32]? {
        get { cut.fates }
        set { cut.fates = newValue }
    }

    package var decidedGroups: [DecidedGroup] { parent.map { cut.decided($0) } ?? [] }

    /// Lines that were stored to, and of which a word is neither durable nor on its way.
    package var lostLines: [Int] {
        let pending = Set(units.map(\.offset))
        return markedLines.map { Int($0) << 6 }.filter { line in
            stride(from: line, to: line + 64, by: 8).contains {
                word($0) != durableWord($0) && !pending.contains($0)
            }
        }
    }

    /// Decisions that were met so far in this future.
    package var decisionCount: Int { cut.decisionCount }

    /// What nobody has read in this future does not arrive: from here on the image is ordinary memory.
    package func settleFuture() { cut.stop() }

    /// Lays this future's image, before anything was written to it, into a sibling.
    package func materialize(into sibling: SimulatedMemory, restArrives: Bool) {
        guard let parent else { return }
        sibling.reset()
        cut.materialize(into: sibling, parent, restArrives: restArrives)
    }

    /// What this future has decided, group by group.
    package var futureDescription: [String] {
        guard let parent else { return [] }
        return cut.description(parent)
    }

    /// Of what differs from the parent's durable image.
    package var imageHash: Int {
        var hasher = Hasher()
        for line in markedLines.sorted() {
            hasher.combine(line)
            for place in 0..<8 { hasher.combine(word(Int(line) << 6 + 8 * place)) }
        }
        return hasher.finalize()
    }

    @inline(__always)
    func willRead(_ offset: Int, _ byteCount: Int) {
        precondition(
            offset >= 0 && byteCount >= 0 && offset + byteCount <= self.byteCount, "a read beyond the medium")
        unsafe reads.pointee.count &+= 1
        if unsafe reads.pointee.isOpen, byteCount > 0 { openLines(offset, byteCount) }
    }

    @inline(never)
    private func openLines(_ offset: Int, _ byteCount: Int) {
        let end = (offset + byteCount + 63) >> 6
        if unsafe reads.pointee.isWatched { watch(offset >> 6, end) }
        let line = unsafe reads.pointee.firstOpen(offset >> 6, end)
        if line < end { decide(from: line, end) }
    }

    @inline(never)
    private func decide(from first: Int, _ end: Int) {
        guard let parent else { return }
        var line = first
        while line < end {
            cut.decide(line, in: self, parent)
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
            if unsafe reads.pointee.isOpen { cut.overwrite(line) }
        }
    }

    /// A pending unit has arrived.
    @inline(__always)
    func place(_ unit: PendingUnit) {
        mark(unit.offset >> 6)
        unsafe (base + unit.offset).storeBytes(of: unit.value, as: UInt64.self)
    }
}
