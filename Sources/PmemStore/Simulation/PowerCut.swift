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
///
/// Where calls have stored to the same place, the older ones are decided first, and only words that then make a
/// difference are parts: hardly an image is run twice. In a range that holds a torn part already, a few parts stand
/// for all.
///
/// Parts that lack only what nobody has read of the whole are not run: the end of a record's last line, behind what its
/// checksum covers.
///
/// A structure behind a pointer: properties of a class are checked for exclusive access each time.
@safe package struct PowerCut {
    /// Of the parent, at the crash point.
    private var groups: [PendingGroup] = []
    private var units: [PendingUnit] = []
    private var flagged: [Int32] = []
    private let lineCount: Int
    /// The run that last wrote a line.
    private let written: UnsafeMutablePointer<UInt32>
    private let reads: UnsafeMutablePointer<ReadState>
    private var run: UInt32 { unsafe reads.pointee.run }
    private var fate: [Fate] = []
    /// Of the groups that this run has decided about: the words, by index, that differ from what lies beneath.
    private var differing: [Int32] = []
    /// For each group those that share bytes with it.
    private var overlaps: [[Int]] = []
    private var prefixes: [Int: Prefix] = [:]
    private var path: [Decision] = []
    private var cursor = 0
    /// Instead of decisions: the parts of these groups, by index; all others arrive.
    var fates: [Int: Int32]?

    /// What a run has decided about a group.
    private struct Fate {
        var run: UInt32 = 0
        var choice: Int32 = 0
        /// Its words in ``differing``.
        var words = 0..<0
        /// None of its words from here on was read.
        var reach = 0

        /// Some words have arrived, others not.
        var isTorn: Bool { choice > PowerCut.nothing }
    }

    /// A choice among the parts of a group.
    private struct Decision {
        var choice: Int32
        var arity: Int32
        /// The only parts to run beside the whole and nothing, ascending; nil: all.
        var samples: SIMD2<Int32>?
        /// Whose part it is; nil: no group's, or not one of a search.
        var group: Int?
        /// In no run with the whole was a word read from here on; `max` where there was no such run.
        var reach = Int.max

        var next: Int32? {
            guard let samples, choice >= PowerCut.nothing else {
                return choice + 1 < arity ? choice + 1 : nil
            }
            return choice < samples.x ? samples.x : choice < samples.y ? samples.y : nil
        }
    }

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

    func deallocate() { unsafe Virtual.deallocate(written, count: lineCount) }

    // MARK: Crash points

    /// A new crash point: all decisions about the parent's pending units are open.
    mutating func begin(_ parent: SimulatedMemory) {
        groups = parent.groups
        units = parent.units
        let pending = unsafe reads.pointee.pending
        for line in flagged { unsafe pending[Int(line)] = 0 }
        flagged.removeAll(keepingCapacity: true)
        for unit in units {
            let line = unit.offset >> 6
            if unsafe pending[line] == 0 {
                unsafe pending[line] = 1
                flagged.append(Int32(truncatingIfNeeded: line))
            }
        }
        path.removeAll(keepingCapacity: true)
        fate.refill(groups.count, with: Fate())
        prefixes.removeAll(keepingCapacity: true)
        findOverlaps()
    }

    private mutating func findOverlaps() {
        overlaps.refill(groups.count, with: [])
        if groups.count < 2 { return }
        let groups = groups
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

    mutating func beginRun() {
        unsafe reads.pointee.openLines = flagged.count
        unsafe reads.pointee.isOpen = !flagged.isEmpty
        cursor = 0
        differing.removeAll(keepingCapacity: true)
        if fates != nil { path.removeAll(keepingCapacity: true) }
        unsafe reads.pointee.run &+= 1
    }

    /// Turns to the next future; false when all were run.
    mutating func advance() -> Bool {
        noteReaches()
        while var last = path.popLast() {
            while let next = last.next {
                last.choice = next
                if isLikeWhole(last) { continue }
                path.append(last)
                return true
            }
        }
        return false
    }

    /// How far this run has read what has arrived whole.
    private mutating func noteReaches() {
        for place in path.indices where path[place].choice == 0 {
            guard let group = path[place].group else { continue }
            path[place].reach = max(path[place].reach, fate[group].reach)
        }
    }

    /// True for a part that lacks only words which no run with the whole has read. The run that was last has decided
    /// about the same words.
    private func isLikeWhole(_ decision: Decision) -> Bool {
        guard let group = decision.group, decision.reach < groups[group].high else { return false }
        return fate[group].words.allSatisfy { word in
            units[Int(differing[word])].offset >= decision.reach
                || isThere(word, of: group, choice: decision.choice)
        }
    }

    /// The decisions of this run, for a replay token.
    var decisions: [Int32] {
        get { path.map(\.choice) }
        set { path = newValue.map { Decision(choice: $0, arity: 0) } }
    }

    /// How many decisions this run has met.
    var decisionCount: Int { cursor }

    /// What has not been read so far in this run does not arrive.
    func stop() { unsafe reads.pointee.isOpen = false }

    /// - Parameter first: Makes the decision when the path has none, unless the fates do.
    private mutating func choose(_ arity: Int, for group: Int, first: (borrowing Self) -> Decision) -> Int32 {
        if cursor == path.count {
            path.append(fates.map { Decision(choice: $0[group] ?? 0, arity: 0) } ?? first(self))
        }
        cursor += 1
        return min(path[cursor - 1].choice, Int32(arity) - 1)
    }

    // MARK: Lines

    /// The run has written the line itself.
    @inline(__always)
    mutating func overwrite(_ line: Int) {
        unsafe written[line] = run
        if unsafe reads.pointee.pending[line] != 0 { noteRead(line, to: (line + 1) << 6) }
    }

    /// Decides about the groups that hold units of a line, and about no others: what is behind them stays open.
    ///
    /// - Parameter covered: The bytes that are read at once, where one checksum covers them; else none.
    @inline(never)
    mutating func decide(_ line: Int, _ covered: Range<Int>, in memory: SimulatedMemory) {
        let bytes = Self.bytes(of: line)
        for index in groups.indices where fate[index].run != run && isIn(bytes, index) {
            decideGroup(index, covered, memory)
        }
        // A reader without a checksum may go by all that lies beside what it has asked for.
        noteRead(line, to: covered.isEmpty ? bytes.upperBound : min(covered.upperBound, bytes.upperBound))
    }

    /// A line was read up to `end`. It is closed unless more of what was stored lies behind that.
    private mutating func noteRead(_ line: Int, to end: Int) {
        let bytes = Self.bytes(of: line)
        var isRead = true
        for index in groups.indices where fate[index].run == run && groups[index].cell < 0 {
            guard isIn(bytes, index) else { continue }
            fate[index].reach = max(fate[index].reach, end)
            if end < bytes.upperBound && hasWords(index, in: end..<bytes.upperBound) { isRead = false }
        }
        if isRead { unsafe reads.pointee.close(line) }
    }

    private static func bytes(of line: Int) -> Range<Int> { line << 6..<(line + 1) << 6 }

    /// True where a group reaches into a range.
    @inline(__always)
    private func isIn(_ range: Range<Int>, _ index: Int) -> Bool {
        groups[index].low < range.upperBound && groups[index].high > range.lowerBound
    }

    /// True where a group that was decided about has words in a range that make a difference.
    private func hasWords(_ index: Int, in range: Range<Int>) -> Bool {
        for word in fate[index].words.reversed() {
            let offset = units[Int(differing[word])].offset
            if offset < range.upperBound { return offset >= range.lowerBound }
        }
        return false
    }

    private mutating func decideGroup(_ index: Int, _ covered: Range<Int>, _ memory: SimulatedMemory) {
        // What lies beneath comes first.
        for place in overlaps[index].indices {
            let older = overlaps[index][place]
            if older < index && fate[older].run != run { decideGroup(older, covered, memory) }
        }
        let words = findDiffering(groups[index], memory)
        let choice = part(index, words, covered)
        fate[index] = Fate(run: run, choice: choice, words: words)
        if choice == Self.nothing { return }
        for word in words where isThere(word, of: index) { memory.place(units[Int(differing[word])]) }
    }

    /// The words of a group that would change what lies beneath, and that the run has not written itself.
    private mutating func findDiffering(_ group: PendingGroup, _ memory: SimulatedMemory) -> Range<Int> {
        let first = differing.count
        for index in group.first..<group.end {
            let unit = units[index]
            if unsafe written[unit.offset >> 6] == run || memory.word(unit.offset) == unit.value { continue }
            differing.append(Int32(truncatingIfNeeded: index))
        }
        return first..<differing.count
    }

    /// How much of a group arrives.
    private mutating func part(_ index: Int, _ words: Range<Int>, _ covered: Range<Int>) -> Int32 {
        let cell = groups[index].cell
        if cell >= 0 { return isInPrefix(index, of: cell) ? 0 : Self.nothing }
        if words.isEmpty { return 0 }
        // What later stores cover is all there or not at all.
        let isOverlaid = overlaps[index].contains { $0 > index }
        let arity = isOverlaid ? 2 : Self.arity(words.count)
        return choose(arity, for: index) { cut in
            let group = cut.groups[index]
            // With all of this, it would not show whether what is beneath has arrived: that was run.
            var isSame = false
            for older in cut.overlaps[index] where older < index && cut.hides(older, beneath: group) {
                isSame = true
            }
            var decision = Decision(
                choice: isSame ? Self.nothing : 0, arity: Int32(arity), group: index, reach: isSame ? .max : 0
            )
            if arity > 4, cut.isIn(covered, index), cut.isTorn(covered) {
                decision.samples = Self.samples(words.count, seed: group.event)
            }
            return decision
        }
    }

    /// True where a group has not arrived, and a later one has all the words that would have made a difference.
    private func hides(_ index: Int, beneath group: PendingGroup) -> Bool {
        guard fate[index].choice == Self.nothing, groups[index].cell < 0 else { return false }
        return fate[index].words.allSatisfy { word in
            let offset = units[Int(differing[word])].offset
            var (first, end) = (group.first, group.end)
            while first < end {
                let middle = (first + end) / 2
                if units[middle].offset < offset { first = middle + 1 } else { end = middle }
            }
            return first < group.end && units[first].offset == offset
        }
    }

    /// True where a range holds words of a call that have arrived and words of it that have not: neither what was there
    /// before nor what was stored. Not where the run has stored since.
    private func isTorn(_ range: Range<Int>) -> Bool {
        fate.indices.contains { index in
            guard fate[index].run == run, fate[index].isTorn else { return false }
            var (isThere, isMissing) = (false, false)
            for word in fate[index].words {
                let offset = units[Int(differing[word])].offset
                if unsafe !range.contains(offset) || written[offset >> 6] == run { continue }
                if self.isThere(word, of: index) { isThere = true } else { isMissing = true }
            }
            return isThere && isMissing
        }
    }

    /// True where a word of a group, of those that make a difference, has arrived.
    @inline(__always)
    private func isThere(_ word: Int, of index: Int) -> Bool {
        let choice = fate[index].choice
        return choice == 0 || isThere(word, of: index, choice: choice)
    }

    /// The same, if this part had arrived.
    @inline(__always)
    private func isThere(_ word: Int, of index: Int, choice: Int32) -> Bool {
        let words = fate[index].words
        return Self.isPresent(
            word - words.lowerBound, of: words.count, Int(choice), seed: groups[index].event)
    }

    /// Groups of a cell arrive in order: what is decided about one narrows what is left for the others.
    private mutating func isInPrefix(_ index: Int, of cell: Int) -> Bool {
        var prefix = prefixes[cell, default: Prefix(run: 0, low: 0, high: .max)]
        if prefix.run != run { prefix = Prefix(run: run, low: 0, high: .max) }
        let isPresent = index < prefix.low || index < prefix.high && isPresent(index)
        if isPresent { prefix.low = max(prefix.low, index) } else { prefix.high = min(prefix.high, index) }
        prefixes[cell] = prefix
        return isPresent
    }

    private mutating func isPresent(_ index: Int) -> Bool {
        choose(2, for: index) { _ in Decision(choice: 0, arity: 2) } == 0
    }

    /// What nobody has read of a cell: behind a group that is there, and before one that is not, if the rest arrives.
    private func arrivesUnread(_ index: Int, of cell: Int, restArrives: Bool) -> Bool {
        guard cell >= 0, let prefix = prefixes[cell], prefix.run == run else { return restArrives }
        return index < prefix.low || restArrives && index < prefix.high
    }

    /// Lays this run's decisions, and one for all groups that nobody has read, into another memory.
    func materialize(into memory: SimulatedMemory, restArrives: Bool) {
        for index in groups.indices {
            let isDecided = fate[index].run == run
            if !isDecided, !arrivesUnread(index, of: groups[index].cell, restArrives: restArrives) {
                continue
            }
            if !isDecided || fate[index].choice == 0 {
                for word in groups[index].first..<groups[index].end { memory.setEverywhere(units[word]) }
            } else if fate[index].choice != Self.nothing {
                for word in fate[index].words where isThere(word, of: index) {
                    memory.setEverywhere(units[Int(differing[word])])
                }
            }
        }
    }

    /// The groups that this run has decided about.
    var decided: [DecidedGroup] {
        fate.indices.filter { fate[$0].run == run }.map {
            DecidedGroup(index: $0, group: groups[$0], choice: fate[$0].choice)
        }
    }

    /// For each group that was read: how much of it has arrived.
    var description: [String] {
        groups.indices.map { index in
            let group = groups[index]
            let site = group.site == .none ? "" : ", line \(group.site.line)"
            let place = "event \(group.event)\(site), \(group.count) words from \(group.low)"
            if fate[index].run != run { return "\(place): never read" }
            if fate[index].choice == 0 { return "\(place): arrived" }
            if fate[index].choice == Self.nothing { return "\(place): did not arrive" }
            let missing = fate[index].words.filter { !isThere($0, of: index) }.map { Int(differing[$0]) }
            let offsets = missing.prefix(4).map { String(units[$0].offset) }
            return "\(place): \(missing.count) words missing, \(offsets.joined(separator: ", "))"
        }
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
    /// 0: all of it; ``PowerCut/nothing``.
    package let choice: Int32
}
