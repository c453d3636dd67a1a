internal import Glibc

/// Memory that forgets at a power cut what was not made durable.
///
/// It holds the image that the engine reads, the durable image, and the words in between: a word is durable after it
/// was stored, started (non-temporal, or flushed) and drained by the thread that started it; until then a power cut may
/// find it or not, also where nothing was flushed. A third image, made from announced stores only, tells stores that
/// went around the door.
@safe package final class SimulatedMemory: @unchecked Sendable {
    package let byteCount: Int
    package let model: MediumModel
    /// What the engine reads and what its values point into.
    package let base: UnsafeMutableRawPointer
    let durable: UnsafeMutableRawPointer
    private let announced: UnsafeMutableRawPointer
    /// Words with pending units: a byte each.
    let wordMarks: UnsafeMutablePointer<UInt8>
    /// Lines that differ from the parent's durable image.
    let marks: UnsafeMutablePointer<LineMarks>
    /// Lines stored to since the role's last promise, with the site that stored.
    private var unpromised = Array(
        repeating: [(line: Int32, site: SourceSite)](), count: SimulatedEvent.Role.allCases.count)
    package internal(set) var units: [PendingUnit] = []
    package internal(set) var groups: [PendingGroup] = []
    package private(set) var eventCount = 0
    /// What every read touches, without the checks that stored properties of a class get.
    let reads: UnsafeMutablePointer<ReadState>
    /// False: what is found wrong with the engine's use of the door is kept to itself.
    package var isAudited = true
    /// What was found wrong with the engine's use of the door: address and site.
    package private(set) var findings: [String] = []
    package private(set) var counts = EventCounts()

    /// False: only what a recovery reads matters, and nothing is recorded.
    package let isTracking: Bool
    /// Called before each event.
    package var onEvent: ((SimulatedEvent) -> Void)?
    /// Called with each note.
    package var onNote: ((MediumEvent) -> Void)?
    /// What happens to the engine's calls instead of what should.
    package var mutations: [MediumMutation] = [] { didSet { blows = mutations.map { _ in Blows() } } }
    package internal(set) var blows: [Blows] = []
    var postponedDrains: [PostponedDrain] = []

    /// What the newest writes have replaced, for tests that lose one.
    package var keepsOverwritten = false
    var lostWrites = OverwrittenWords()
    var recording: [Int]?
    /// What cannot be read, and whether somebody has tried.
    var poisoned = 0..<0
    package internal(set) var isBroken = false

    private var children: [SimulatedMemory] = []
    unowned var parent: SimulatedMemory?
    let cut: UnsafeMutablePointer<PowerCut>

    package init(byteCount: Int, model: MediumModel = .lines, isTracking: Bool = true) {
        self.byteCount = byteCount
        self.model = model
        self.isTracking = isTracking
        let tracked = isTracking ? byteCount : 4096
        unsafe base = UnsafeMutableRawPointer(Virtual.allocate(UInt8.self, count: byteCount))
        unsafe durable = UnsafeMutableRawPointer(Virtual.allocate(UInt8.self, count: tracked))
        unsafe announced = UnsafeMutableRawPointer(Virtual.allocate(UInt8.self, count: tracked))
        unsafe wordMarks = unsafe Virtual.allocate(UInt8.self, count: byteCount / 8)
        unsafe marks = .allocate(capacity: 1)
        unsafe marks.initialize(to: LineMarks(lines: byteCount / 64))
        unsafe reads = .allocate(capacity: 1)
        unsafe reads.initialize(to: ReadState(lines: byteCount / 64))
        unsafe cut = .allocate(capacity: 1)
        unsafe cut.initialize(to: PowerCut(lines: byteCount / 64, reads: reads))
    }

    deinit {
        unsafe cut.pointee.deallocate()
        unsafe cut.deinitialize(count: 1).deallocate()
        unsafe reads.pointee.deallocate()
        unsafe reads.deallocate()
        unsafe marks.pointee.deallocate()
        unsafe marks.deinitialize(count: 1).deallocate()
        let tracked = isTracking ? byteCount : 4096
        unsafe Virtual.deallocate(base.assumingMemoryBound(to: UInt8.self), count: byteCount)
        unsafe Virtual.deallocate(durable.assumingMemoryBound(to: UInt8.self), count: tracked)
        unsafe Virtual.deallocate(announced.assumingMemoryBound(to: UInt8.self), count: tracked)
        unsafe Virtual.deallocate(wordMarks, count: byteCount / 8)
    }

    // MARK: Events

    private func begin(
        _ kind: SimulatedEvent.Kind, _ role: SimulatedEvent.Role, _ offset: UInt64, _ byteCount: Int,
        _ site: SourceSite
    ) -> SimulatedEvent {
        let event = SimulatedEvent(
            number: eventCount, kind: kind, role: role, offset: Int(offset), byteCount: byteCount, site: site)
        eventCount += 1
        if let onEvent { onEvent(event) }
        if !postponedDrains.isEmpty { catchUp(role) }
        return event
    }

    func copyIn(
        _ offset: UInt64, _ source: UnsafeRawPointer, _ byteCount: Int, role: SimulatedEvent.Role,
        site: SourceSite
    ) {
        precondition(offset % 8 == 0 && Int(offset) + byteCount <= self.byteCount, "a copy out of place")
        if !isTracking {
            unsafe memcpy(base + Int(offset), source, byteCount)
            overwrite(Int(offset), byteCount)
            return
        }
        let event = begin(.copyIn, role, offset, byteCount, site)
        // The engine reads what it has written, also where the medium gets something else.
        unsafe memcpy(base + Int(offset), source, byteCount)
        let effect = strike(event)
        count(stores: effect == .duplicateStore ? 2 : 1, Int(offset), byteCount)
        record(event, isStarted: effect != .plainStore, effect: effect)
    }

    func store8(_ offset: UInt64, _ value: UInt64, role: SimulatedEvent.Role, site: SourceSite) {
        precondition(offset % 8 == 0 && Int(offset) + 8 <= byteCount, "a store out of place")
        if !isTracking {
            unsafe (base + Int(offset)).storeBytes(of: value, as: UInt64.self)
            overwrite(Int(offset), 8)
            return
        }
        let event = begin(.store8, role, offset, 8, site)
        count(stores: 1, Int(offset), 8)
        unsafe (base + Int(offset)).storeBytes(of: value, as: UInt64.self)
        record(event, isStarted: false, effect: strike(event))
    }

    /// Stores to ``base`` that were made already. Each of their units may have arrived, or not.
    func announce(_ offset: UInt64, _ byteCount: Int, role: SimulatedEvent.Role) {
        guard isTracking else { return overwrite(Int(offset), byteCount) }
        let event = begin(.copyIn, role, offset, byteCount, .none)
        count(stores: 1, Int(offset), byteCount)
        record(event, isStarted: true, effect: nil)
    }

    func construct<R>(
        _ offset: UInt64, _ byteCount: Int, role: SimulatedEvent.Role, site: SourceSite,
        _ body: (UnsafeMutableRawBufferPointer) throws -> R
    ) rethrows -> R {
        let event = isTracking ? begin(.construct, role, offset, byteCount, site) : nil
        defer {
            if let event {
                count(stores: 1, Int(offset), byteCount)
                record(event, isStarted: false, effect: nil)
            } else {
                overwrite(Int(offset), byteCount)
            }
            flush(offset, byteCount, role: role, site: site)
        }
        return try unsafe body(UnsafeMutableRawBufferPointer(start: base + Int(offset), count: byteCount))
    }

    func flush(_ offset: UInt64, _ byteCount: Int, role: SimulatedEvent.Role, site: SourceSite) {
        guard isTracking else { return }
        let event = begin(.flush, role, offset, byteCount, site)
        var first = Int(offset) & ~63
        var end = (Int(offset) + byteCount + 63) & ~63
        let effect = strike(event)
        counts.flushes += effect == .duplicateFlush ? 2 : 1
        counts.flushedLines += (end - first) >> 6 * (effect == .duplicateFlush ? 2 : 1)
        switch effect {
        case .dropFlush: return
        case .shortenFlush: end -= 64
        case .shiftFlush:
            first += 64
            end += 64
        default: break
        }
        units.start(in: first..<end, by: role.bit)
    }

    func drain(role: SimulatedEvent.Role, site: SourceSite) {
        guard isTracking else { return }
        let event = begin(.drain, role, 0, 0, site)
        let effect = strike(event)
        counts.drains += effect == .duplicateDrain ? 2 : 1
        audit(role)
        switch effect {
        case .dropDrain: return
        case .lateDrain: postponedDrains.append(PostponedDrain(role: role, event: event.number))
        case .earlyDrain: makeDurable(role, sparing: groups.last?.event)
        default: makeDurable(role)
        }
    }

    func note(_ event: MediumEvent) {
        guard isTracking else { return }
        switch event {
        case .acknowledged: promise(.writer, "acknowledge")
        case .checkpointed: promise(.checkpointer, "checkpoint")
        case .recoveryEnded: promise(.writer, "end of recovery")
        case .recoveryBegan: break
        }
        if let onNote { onNote(event) }
    }

    private func count(stores: Int, _ offset: Int, _ byteCount: Int) {
        counts.stores += stores
        counts.storedLines += stores * ((offset + byteCount + 63) >> 6 - offset >> 6)
    }

    // MARK: Pending units

    /// The words of a range that are not what is durable there become pending.
    private func record(_ event: SimulatedEvent, isStarted: Bool, effect: MediumMutation.Operator?) {
        if event.byteCount == 0 { return }
        let first = event.offset & ~7
        let end = (event.offset + event.byteCount + 7) & ~7
        for line in (first >> 6)...((end - 1) >> 6) {
            mark(line)
            unpromised[Int(event.role.rawValue)].append((Int32(line), event.site))
        }
        unsafe memcpy(announced + first, base + first, end - first)
        if effect == .dropStore { return }
        var range = first..<end
        switch effect {
        case .loseFirstUnit: range = (first + 8)..<end
        case .loseLastUnit: range = first..<max(first, end - 8)
        case .loseLastLine: range = first..<max(first, end - 64)
        default: break
        }
        // eADR: what a plain store has put into the cache is durable.
        let isDurable = model == .extendedCache && event.kind != .copyIn
        append(
            range, event, startedBy: isStarted || model == .pages || isDurable ? event.role.bit : 0, effect)
        if isDurable { makeDurable(event.role, onlyEvent: event.number) }
    }

    private func append(
        _ range: Range<Int>, _ event: SimulatedEvent, startedBy: UInt8, _ effect: MediumMutation.Operator?
    ) {
        // What spans many sectors is taken word by word: too many combinations of sectors to run them all.
        let isOrdered =
            model == .pages && range.count <= 6 * 512 || model == .lines && event.kind == .store8
        let cellBytes = model == .pages ? 512 : 64
        let shift = effect == .shiftStore && range.upperBound + 64 <= byteCount ? 64 : 0
        var place = range.lowerBound
        while place < range.upperBound {
            let cell = isOrdered ? place / cellBytes : -1
            let stop = isOrdered ? min((cell + 1) * cellBytes, range.upperBound) : range.upperBound
            let first = units.count
            appendUnits(place..<stop, shift: shift, startedBy)
            place = stop
            if units.count > first {
                groups.append(
                    PendingGroup(
                        first: first, end: units.count, event: event.number, site: event.site,
                        role: event.role, cell: cell, low: units[first].offset,
                        high: units[units.count - 1].offset + 8))
            }
        }
    }

    private func appendUnits(_ range: Range<Int>, shift: Int, _ startedBy: UInt8) {
        for source in stride(from: range.lowerBound, to: range.upperBound, by: 8) {
            let place = source + shift
            let value = unsafe (base + source).load(as: UInt64.self)
            let isNew = unsafe value != (durable + place).load(as: UInt64.self) || wordMarks[place >> 3] != 0
            guard isNew else { continue }
            units.append(PendingUnit(offset: place, value: value, startedBy: startedBy))
            unsafe wordMarks[place >> 3] = 1
            mark(place >> 6)
        }
    }

    /// What a role has started becomes durable: all of it, all but one event, only one event, or up to one.
    func makeDurable(
        _ role: SimulatedEvent.Role, sparing: Int? = nil, onlyEvent: Int? = nil, upTo last: Int = .max
    ) {
        if units.isEmpty { return }
        let isAll =
            sparing == nil && onlyEvent == nil && last == .max
            && units.allSatisfy { $0.startedBy & role.bit != 0 }
        if isAll {
            for unit in units { settle(unit) }
            units.removeAll(keepingCapacity: true)
            groups.removeAll(keepingCapacity: true)
            return
        }
        var isDue = [Bool](repeating: false, count: units.count)
        for group in groups
        where group.event != sparing && group.event <= last && (onlyEvent ?? group.event) == group.event {
            for index in group.first..<group.end {
                isDue[index] = units[index].startedBy & role.bit != 0
            }
        }
        keepRest(isDue)
    }

    private func settle(_ unit: PendingUnit) {
        if keepsOverwritten {
            lostWrites.overwrite(unit.offset, durableWord(unit.offset), drain: counts.drains)
        }
        unsafe (durable + unit.offset).storeBytes(of: unit.value, as: UInt64.self)
        unsafe wordMarks[unit.offset >> 3] = 0
        markInChildren(unit.offset >> 6)
    }

    private func keepRest(_ isDue: [Bool]) {
        var last: [Int: Int] = [:]
        for index in units.indices where isDue[index] {
            settle(units[index])
            last[units[index].offset] = index
        }
        // What a word was before it became durable can no longer arrive.
        keepUnits(units.indices.map { !isDue[$0] && $0 > last[units[$0].offset, default: -1] })
    }

    /// Keeps some of what is pending.
    func keepUnits(_ isKept: [Bool]) {
        for unit in units { unsafe wordMarks[unit.offset >> 3] = 0 }
        var kept: [PendingUnit] = []
        var keptGroups: [PendingGroup] = []
        for group in groups {
            let first = kept.count
            for index in group.first..<group.end where isKept[index] { kept.append(units[index]) }
            if kept.count > first {
                keptGroups.append(
                    PendingGroup(
                        first: first, end: kept.count, event: group.event, site: group.site,
                        role: group.role, cell: group.cell, low: kept[first].offset,
                        high: kept[kept.count - 1].offset + 8))
            }
        }
        units = kept
        groups = keptGroups
        for unit in units { unsafe wordMarks[unit.offset >> 3] = 1 }
    }

    @inline(__always)
    func mark(_ line: Int) { unsafe marks.pointee.mark(line) }

    @inline(__always)
    private func markInChildren(_ line: Int) { unsafe marks.pointee.markInChildren(line) }

    // MARK: Findings

    private func find(_ text: String) { if isAudited, findings.count < 8 { findings.append(text) } }

    package func clearFindings() { findings.removeAll() }

    /// Compares what the engine reads with what was announced, on the lines touched since the last promise.
    private func audit(_ role: SimulatedEvent.Role) {
        for (line, site) in unpromised[Int(role.rawValue)] {
            let place = Int(line) << 6
            if unsafe memcmp(base + place, announced + place, 64) != 0 {
                find(
                    "line \(place) was written around the door; the last store to it was at line \(site.line)"
                )
            }
        }
    }

    /// As the audit at each drain, of everything.
    package func auditAll() {
        guard isTracking, unsafe memcmp(base, announced, byteCount) != 0 else { return }
        let first = (0..<(byteCount >> 6)).first {
            unsafe memcmp(base + $0 << 6, announced + $0 << 6, 64) != 0
        }
        find("a store to line \((first ?? 0) << 6) went around the door")
    }

    /// A role says that what it stored is durable: then it must be.
    func promise(_ role: SimulatedEvent.Role, _ what: String) {
        for (line, site) in unpromised[Int(role.rawValue)] {
            let place = Int(line) << 6
            if unsafe memcmp(base + place, durable + place, 64) != 0, isOwn(line, role) {
                find("line \(place), stored at line \(site.line), is not durable at the \(what)")
            }
        }
        unpromised[Int(role.rawValue)].removeAll(keepingCapacity: true)
    }

    /// False where the line differs only by what the other role has stored to it since.
    private func isOwn(_ line: Int32, _ role: SimulatedEvent.Role) -> Bool {
        let place = Int(line) << 6
        let other = groups.contains { $0.role != role && $0.low < place + 64 && $0.high > place }
        return !other
    }

    // MARK: Images

    /// A memory that can be loaded with crash images of this one.
    package func makeChild(isTracking: Bool) -> SimulatedMemory {
        let child = SimulatedMemory(byteCount: byteCount, model: model, isTracking: isTracking)
        children.append(child)
        unsafe marks.pointee.children.append(child.marks)
        for page in stride(from: 0, to: byteCount, by: 4096) where unsafe durable.isAnythingIn(page) {
            for line in (page >> 6)..<(page >> 6 + 64) { child.mark(line) }
        }
        child.parent = self
        return child
    }

    /// Becomes what is durable in the parent, with nothing pending.
    package func reset() {
        guard let parent else { return }
        eventCount = 0
        (poisoned, isBroken) = (0..<0, false)
        unsafe reads.pointee.isWatched = false
        lostWrites.removeAll()
        for unit in units { unsafe wordMarks[unit.offset >> 3] = 0 }
        units.removeAll(keepingCapacity: true)
        groups.removeAll(keepingCapacity: true)
        for role in unpromised.indices { unpromised[role].removeAll(keepingCapacity: true) }
        postponedDrains = []
        for line in unsafe marks.pointee.lines {
            let place = Int(line) << 6
            unsafe memcpy(base + place, parent.durable + place, 64)
            if isTracking {
                unsafe memcpy(durable + place, parent.durable + place, 64)
                unsafe memcpy(announced + place, parent.durable + place, 64)
                markInChildren(Int(line))
            }
        }
        unsafe marks.pointee.clear()
    }

    /// Becomes what a mere kill of the process leaves of the parent: everything stored can be read, and nothing more
    /// than before is durable.
    package func loadProcessKill() {
        guard let parent else { return }
        reset()
        for unit in parent.units {
            mark(unit.offset >> 6)
            unsafe (base + unit.offset).storeBytes(of: unit.value, as: UInt64.self)
            unsafe (announced + unit.offset).storeBytes(of: unit.value, as: UInt64.self)
            unsafe wordMarks[unit.offset >> 3] = 1
        }
        units = parent.units
        groups = parent.groups
        for index in units.indices { units[index].startedBy = 0 }
    }

    /// Becomes the image of a sibling, which is all durable.
    package func loadImage(of sibling: SimulatedMemory) {
        reset()
        for line in unsafe sibling.marks.pointee.lines {
            for word in 0..<8 {
                let place = Int(line) << 6 + 8 * word
                setEverywhere(place, sibling.word(place))
            }
        }
    }

    /// Changes a word in every image: what a test does to the medium itself.
    package func setEverywhere(_ offset: Int, _ value: UInt64) {
        mark(offset >> 6)
        unsafe (base + offset).storeBytes(of: value, as: UInt64.self)
        guard isTracking else { return }
        unsafe (durable + offset).storeBytes(of: value, as: UInt64.self)
        unsafe (announced + offset).storeBytes(of: value, as: UInt64.self)
        markInChildren(offset >> 6)
    }

    @inline(__always)
    package func word(_ offset: Int) -> UInt64 { unsafe (base + offset).load(as: UInt64.self) }

    package func durableWord(_ offset: Int) -> UInt64 { unsafe (durable + offset).load(as: UInt64.self) }
}

extension UnsafeMutableRawPointer {
    /// True when a byte of the page is not zero: it differs from its neighbour, or they are all alike and not zero.
    fileprivate func isAnythingIn(_ page: Int) -> Bool {
        unsafe (self + page).load(as: UInt64.self) != 0 || memcmp(self + page, self + page + 8, 4088) != 0
    }
}
