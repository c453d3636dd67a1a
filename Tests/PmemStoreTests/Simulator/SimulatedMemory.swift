internal import CPmem
internal import Glibc

@testable internal import PmemStore

/// Memory that forgets at a power cut what was not made durable.
///
/// It holds the image that the engine reads, the durable image, and the words in between. A word is durable after it
/// was stored, started (non-temporal, or flushed) and drained; until then a power cut may find it or not, each word on
/// its own, also where nothing was flushed. A third image, made from announced stores only, tells stores that went
/// around the door.
@safe final class SimulatedMemory: @unchecked Sendable {
    let byteCount: Int
    /// What the engine reads and what its values point into.
    let base: UnsafeMutableRawPointer
    private let durable: UnsafeMutableRawPointer
    private let announced: UnsafeMutableRawPointer
    /// Words with pending units, and lines that differ from the parent's durable image: a byte each.
    private let wordMarks: UnsafeMutablePointer<UInt8>
    private let lineMarks: UnsafeMutablePointer<UInt8>
    private var markedLines: [Int] = []
    private var linesSinceDrain: [Int] = []
    private(set) var pending: [PendingUnit] = []
    private(set) var eventCount = 0
    /// Grows whenever the durable image changes.
    private(set) var durableVersion = 0
    /// Stores that went around the door, as the auditor found them.
    private(set) var bypasses: [String] = []

    /// False: only what a recovery reads matters, and nothing is recorded.
    let isTracking: Bool
    /// Called before each event.
    var onEvent: ((SimulatedEvent) -> Void)?
    /// Called with each note.
    var onNote: ((MediumEvent) -> Void)?
    /// What happens to the engine's calls instead of what should.
    var mutation: MediumMutation?
    private var children: [SimulatedMemory] = []

    init(byteCount: Int, isTracking: Bool = true) {
        self.byteCount = byteCount
        self.isTracking = isTracking
        unsafe base = Self.allocate(byteCount)
        unsafe durable = Self.allocate(isTracking ? byteCount : 4096)
        unsafe announced = Self.allocate(isTracking ? byteCount : 4096)
        unsafe wordMarks = unsafe Self.allocate(byteCount / 8).assumingMemoryBound(to: UInt8.self)
        unsafe lineMarks = unsafe Self.allocate(byteCount / 64).assumingMemoryBound(to: UInt8.self)
    }

    deinit {
        unsafe munmap(base, byteCount)
        unsafe munmap(durable, isTracking ? byteCount : 4096)
        unsafe munmap(announced, isTracking ? byteCount : 4096)
        unsafe munmap(wordMarks, byteCount / 8)
        unsafe munmap(lineMarks, byteCount / 64)
    }

    private static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        let start = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, flags, -1, 0)
        guard let start = unsafe start, unsafe start != MAP_FAILED else {
            fatalError("no memory to simulate")
        }
        return unsafe start
    }

    // MARK: Events

    private func begin(
        _ kind: SimulatedEvent.Kind, _ role: SimulatedEvent.Role, _ offset: UInt64, _ byteCount: Int,
        _ site: UInt32
    ) -> SimulatedEvent {
        let event = SimulatedEvent(
            number: eventCount, kind: kind, role: role, offset: Int(offset), byteCount: byteCount, site: site)
        eventCount += 1
        onEvent?(event)
        return event
    }

    func copyIn(
        _ offset: UInt64, _ source: UnsafeRawPointer, _ byteCount: Int, role: SimulatedEvent.Role,
        site: UInt32
    ) {
        precondition(offset % 8 == 0 && Int(offset) + byteCount <= self.byteCount, "a copy out of place")
        let event = begin(.copyIn, role, offset, byteCount, site)
        let effect = mutation?.effect(of: event) ?? .happens
        // The engine reads what it has written, also where the medium never gets it.
        unsafe memcpy(base + Int(offset), source, byteCount)
        record(Int(offset), byteCount, event: event.number, isStarted: true, isLost: effect == .isDropped)
        if effect == .isDurableAtOnce { makeDurable(event: event.number) }
    }

    /// Only what an event has stored becomes durable, ahead of everything before it.
    private func makeDurable(event: Int) {
        let rest = pending.filter { $0.event != event }
        pending.removeAll { $0.event != event }
        for index in pending.indices { pending[index].isStarted = true }
        makeStartedDurable()
        pending = rest
        for unit in rest { unsafe wordMarks[unit.offset >> 3] = 1 }
    }

    func store8(_ offset: UInt64, _ value: UInt64, role: SimulatedEvent.Role, site: UInt32) {
        precondition(offset % 8 == 0, "a store out of place")
        let event = begin(.store8, role, offset, 8, site)
        unsafe (base + Int(offset)).storeBytes(of: value, as: UInt64.self)
        record(Int(offset), 8, event: event.number, isStarted: false, isLost: false)
    }

    func construct<R>(
        _ offset: UInt64, _ byteCount: Int, role: SimulatedEvent.Role, site: UInt32,
        _ body: (UnsafeMutableRawBufferPointer) throws -> R
    ) rethrows -> R {
        let event = begin(.construct, role, offset, byteCount, site)
        defer {
            record(Int(offset), byteCount, event: event.number, isStarted: false, isLost: false)
            flush(offset, byteCount, role: role, site: site)
        }
        return try unsafe body(UnsafeMutableRawBufferPointer(start: base + Int(offset), count: byteCount))
    }

    func flush(_ offset: UInt64, _ byteCount: Int, role: SimulatedEvent.Role, site: UInt32) {
        let event = begin(.flush, role, offset, byteCount, site)
        guard isTracking, mutation?.effect(of: event) != .isDropped else { return }
        let first = Int(offset) & ~63
        let end = (Int(offset) + byteCount + 63) & ~63
        for index in pending.indices where pending[index].offset >= first && pending[index].offset < end {
            pending[index].isStarted = true
        }
    }

    func drain(role: SimulatedEvent.Role, site: UInt32) {
        let event = begin(.drain, role, 0, 0, site)
        audit()
        guard mutation?.effect(of: event) != .isDropped else { return }
        makeStartedDurable()
    }

    func note(_ event: MediumEvent) { onNote?(event) }

    // MARK: Pending words

    /// The words of a range that are not what is durable there become pending.
    private func record(_ offset: Int, _ byteCount: Int, event: Int, isStarted: Bool, isLost: Bool) {
        if byteCount == 0 { return }
        let first = offset & ~7
        let end = (offset + byteCount + 7) & ~7
        for line in (first >> 6)...((end - 1) >> 6) { mark(line) }
        guard isTracking else { return }
        for line in (first >> 6)...((end - 1) >> 6) { linesSinceDrain.append(line) }
        for place in stride(from: first, to: end, by: 8) where !isLost {
            let value = unsafe (base + place).load(as: UInt64.self)
            let isNew = unsafe value != (durable + place).load(as: UInt64.self) || wordMarks[place >> 3] != 0
            if isNew {
                pending.append(PendingUnit(offset: place, value: value, event: event, isStarted: isStarted))
                unsafe wordMarks[place >> 3] = 1
            }
        }
        unsafe memcpy(announced + first, base + first, end - first)
    }

    private func makeStartedDurable() {
        linesSinceDrain.removeAll(keepingCapacity: true)
        if pending.isEmpty { return }
        durableVersion += 1
        var last: [Int: Int] = [:]
        let hasRest = pending.contains { !$0.isStarted }
        for (index, unit) in pending.enumerated() where unit.isStarted {
            unsafe (durable + unit.offset).storeBytes(of: unit.value, as: UInt64.self)
            unsafe wordMarks[unit.offset >> 3] = 0
            for child in children { child.mark(unit.offset >> 6) }
            if hasRest { last[unit.offset] = index }
        }
        if !hasRest {
            pending.removeAll(keepingCapacity: true)
            return
        }
        // What a word was before it became durable can no longer arrive.
        pending = pending.enumerated().filter { !$1.isStarted && $0 > last[$1.offset, default: -1] }.map(
            \.element)
        for unit in pending { unsafe wordMarks[unit.offset >> 3] = 1 }
    }

    private func mark(_ line: Int) {
        if unsafe lineMarks[line] != 0 { return }
        unsafe lineMarks[line] = 1
        markedLines.append(line)
    }

    // MARK: Auditor

    /// Compares what the engine reads with what was announced, on the lines touched since the last drain.
    private func audit() {
        for line in linesSinceDrain where unsafe memcmp(base + line << 6, announced + line << 6, 64) != 0 {
            bypasses.append("line \(line << 6) was written around the door")
        }
    }

    /// As the audit at each drain, of everything.
    func auditAll() {
        guard isTracking, unsafe memcmp(base, announced, byteCount) != 0 else { return }
        bypasses.append("a store went around the door")
    }

    /// Words that were started and are nevertheless not durable.
    var startedCount: Int { pending.count { $0.isStarted } }

    // MARK: Crashes

    /// A memory that can be loaded with crash images of this one.
    func makeChild(isTracking: Bool) -> SimulatedMemory {
        let child = SimulatedMemory(byteCount: byteCount, isTracking: isTracking)
        children.append(child)
        precondition(parent == nil || !wasLoaded, "a grandchild comes before the first image")
        for line in markedLines { child.mark(line) }
        child.parent = self
        return child
    }
    private unowned var parent: SimulatedMemory?
    private var wasLoaded = false

    /// Becomes what a power cut leaves of the parent: its durable image and the selected words.
    func loadPowerCut(_ selection: CrashSelection) {
        guard let parent else { return }
        reset(from: parent)
        for (index, unit) in parent.pending.enumerated() where selection.contains(index, unit) {
            setEverywhere(unit.offset, unit.value)
        }
    }

    /// Becomes what a mere kill of the process leaves of the parent: everything stored can be read, and nothing more
    /// than before is durable.
    func loadProcessKill() {
        guard let parent else { return }
        reset(from: parent)
        for unit in parent.pending {
            mark(unit.offset >> 6)
            unsafe (base + unit.offset).storeBytes(of: unit.value, as: UInt64.self)
            unsafe (announced + unit.offset).storeBytes(of: unit.value, as: UInt64.self)
            unsafe wordMarks[unit.offset >> 3] = 1
        }
        pending = parent.pending
        for index in pending.indices { pending[index].isStarted = false }
    }

    private func reset(from parent: SimulatedMemory) {
        wasLoaded = true
        for unit in pending { unsafe wordMarks[unit.offset >> 3] = 0 }
        pending.removeAll(keepingCapacity: true)
        linesSinceDrain.removeAll(keepingCapacity: true)
        durableVersion += 1
        for line in markedLines {
            let place = line << 6
            unsafe memcpy(base + place, parent.durable + place, 64)
            if isTracking {
                unsafe memcpy(durable + place, parent.durable + place, 64)
                unsafe memcpy(announced + place, parent.durable + place, 64)
            }
            for child in children { child.mark(line) }
            unsafe lineMarks[line] = 0
        }
        markedLines.removeAll(keepingCapacity: true)
    }

    /// Changes a word in every image: what a test does to the medium itself.
    func setEverywhere(_ offset: Int, _ value: UInt64) {
        mark(offset >> 6)
        unsafe (base + offset).storeBytes(of: value, as: UInt64.self)
        guard isTracking else { return }
        unsafe (durable + offset).storeBytes(of: value, as: UInt64.self)
        unsafe (announced + offset).storeBytes(of: value, as: UInt64.self)
        durableVersion += 1
        for child in children { child.mark(offset >> 6) }
    }

    func word(_ offset: Int) -> UInt64 { unsafe (base + offset).load(as: UInt64.self) }
}
