/// What a ``Store`` stands on in a test: simulated memory. Nothing runs in the background, nothing grows.
@safe package final class SimulatedGround: StoreGround, @unchecked Sendable {
    let persistence = PersistenceReport(
        domain: .volatile, reason: "simulated memory, whose power is cut by a test", fileSystem: "none",
        isDAX: false, mapSync: false, isPowerCutMode: true)
    let lease = LeaseReport(level: .none, reason: "simulated memory has no files")
    let health = MappingHealth(path: SimulatedGround.path)
    let visits: (count: UInt64, nanoseconds: UInt64) = (0, 0)
    let segmentCount = 1
    let growth: (any StoreGrowth)? = nil

    private let memory: SimulatedMemory
    private let layout: SimulatedLayout
    private let savesAtClose: Bool
    private let writer: SimulatedWrites
    private let checkpointer: SimulatedWrites

    package static let path = "simulated"

    init(_ memory: SimulatedMemory, layout: SimulatedLayout, savesAtClose: Bool) {
        self.memory = memory
        self.layout = layout
        self.savesAtClose = savesAtClose
        writer = SimulatedWrites(memory, .writer, health)
        checkpointer = SimulatedWrites(memory, .checkpointer, health)
    }

    var byteCount: UInt64 { layout.segment.byteCount }

    func medium(_ role: MediumRole, counters: UnsafeMutablePointer<MediumCounters>) -> DirectMedium {
        unsafe DirectMedium(
            base: memory.base, discipline: .deferred, elidesFences: false, counters: counters,
            deferred: role == .writer ? writer : checkpointer)
    }

    func recovery(_ medium: DirectMedium, path: String) -> Recovery<DirectMedium> {
        layout.recovery(medium, path: path)
    }

    func verifyExtents() throws(StoreError) {}

    func preallocation() throws(StoreError) -> [PreallocationReport.File] { [] }

    func begin(_ engine: Engine<DirectMedium>) {}

    func prepareToEnd(_ engine: Engine<DirectMedium>) -> Bool { savesAtClose }

    func close() {}
}

/// Tells simulated memory what a store has written to it.
private final class SimulatedWrites: DeferredWrites, @unchecked Sendable {
    private let memory: SimulatedMemory
    private let role: SimulatedEvent.Role

    init(_ memory: SimulatedMemory, _ role: SimulatedEvent.Role, _ health: MappingHealth) {
        self.memory = memory
        self.role = role
        super.init(health: health)
    }

    override func insert(_ offset: UInt64, _ byteCount: Int) {
        memory.announce(offset, byteCount, role: role)
    }

    override func synchronize(base: UnsafeMutableRawPointer) throws(StoreError) -> UInt64 {
        memory.drain(role: role, site: .none)
        return 0
    }
}

extension Store {
    /// Opens what simulated memory holds. For one thread.
    ///
    /// - Parameter savesAtClose: Whether closing makes a checkpoint, as it does elsewhere.
    package static func open(
        _ memory: SimulatedMemory, layout: SimulatedLayout, savesAtClose: Bool = true
    ) throws(StoreError) -> Store {
        try Store(
            path: SimulatedGround.path,
            ground: SimulatedGround(memory, layout: layout, savesAtClose: savesAtClose),
            options: SimulatedLayout.options)
    }

    /// The newest commit; published, and so promised.
    package var newestCommit: UInt64 { engine.readers.newestCommit }
}
