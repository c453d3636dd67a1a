internal import CPmem

@testable internal import PmemStore

/// Where things lie in the simulated stores: one segment, the smallest log.
struct SimulatedLayout {
    let segment: SegmentLayout

    init(chunks: Int = 24) {
        guard
            let segment = SegmentLayout(
                index: 0, baseOffset: 0, byteCount: UInt64(chunks) << 21, logBytes: 64 << 10)
        else { preconditionFailure("no such segment") }
        self.segment = segment
    }

    var byteCount: Int { Int(segment.byteCount) }

    /// The first superblock of an empty store, as creation writes it.
    func format(_ memory: SimulatedMemory) {
        var superblock = StoreCreator.firstSuperblock(segment, identifier: (1, 2))
        superblock.fields.salt = 0x5a17
        let bytes = superblock.encoded()
        let start = Int(Superblock.offset(generation: 1))
        for index in stride(from: 0, to: bytes.count, by: 8) {
            let word = bytes[index..<(index + 8)].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            memory.setEverywhere(start + index, word)
        }
    }

    enum Region: String { case superblock, chunkTable, log, heap }

    func region(_ offset: Int) -> Region {
        let offset = UInt64(offset)
        if offset >= segment.reservedBytes { return .heap }
        if offset >= segment.logOffset { return .log }
        return offset >= segment.chunkTableOffset ? .chunkTable : .superblock
    }
}

/// An engine over a simulated memory, without threads of its own.
final class SimulatedStore {
    let engine: Engine<SimulatedMedium>
    let memory: SimulatedMemory

    /// Recovers what the memory holds.
    init(_ memory: SimulatedMemory, layout: SimulatedLayout) throws(StoreError) {
        self.memory = memory
        let segment = layout.segment
        let place = ChunkTableSegment(
            firstChunk: 0, chunkCount: segment.chunkCount, tableOffset: segment.chunkTableOffset,
            firstBlock: 0)
        let recovery = Recovery(
            medium: SimulatedMedium(memory: memory, role: .writer), segments: [place],
            reservedBytes: [Int(segment.reservedBytes)], storeBytes: segment.byteCount,
            addressBytes: segment.byteCount, path: "simulated")
        var options = StoreOptions()
        // Checkpoints come when a test asks for them or the log is full, never by the clock.
        options.recoveryTimeTargetNanoseconds = 1 << 50
        let readers = ReaderTable()
        do throws(StoreError) {
            engine = Engine(
                recovered: try recovery.recover(options: options, readers: readers), readers: readers,
                checkpointMedium: SimulatedMedium(memory: memory, role: .checkpointer), growth: nil,
                quotaBytes: nil)
        } catch {
            readers.deallocate()
            throw error
        }
    }

    deinit { engine.deallocate() }

    var commit: UInt64 { engine.readers.newestCommit }

    /// Runs a transaction up to its commit, which `body` makes.
    func transact<R>(_ operations: [ModelOperation], _ body: () throws -> R) throws -> R {
        engine.gate.enter()
        defer { engine.gate.leave() }
        engine.writer.begin()
        do {
            for operation in operations { try operation.run(on: engine) }
            return try body()
        } catch {
            engine.writer.abandon()
            throw error
        }
    }

    @discardableResult
    func commit(_ operations: [ModelOperation]) throws -> UInt64 {
        try transact(operations) { try engine.writer.commitTransaction() }
    }

    func abort(_ operations: [ModelOperation]) throws {
        try transact(operations) { engine.writer.abandon() }
    }

    func view(_ table: UInt32) throws(StoreError) -> TableView<SimulatedMedium> {
        let catalog = NodeReference(raw: engine.readers.newestRoot)
        return TableView(
            space: engine.space, tree: try Catalog.table(table, in: catalog, space: engine.space))
    }
}
