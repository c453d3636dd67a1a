internal import CPmem

/// Where things lie in simulated stores: one segment, the smallest log. Where it may grow, also room for more segments,
/// and behind them the directory that names them.
package struct SimulatedLayout: Sendable {
    package let segment: SegmentLayout
    /// Nil where the store does not grow.
    let directory: SimulatedDirectory?

    /// - Parameter growth: Chunks that segments may add.
    package init(chunks: Int = 24, logBytes: UInt64 = 16 << 10, growth: Int = 0) {
        guard
            let segment = SegmentLayout(
                index: 0, baseOffset: 0, byteCount: UInt64(chunks) << Space.chunkShift, logBytes: logBytes)
        else { preconditionFailure("no segment has \(chunks) chunks") }
        self.segment = segment
        directory = growth > 0 ? SimulatedDirectory(first: segment, growth: growth) : nil
    }

    /// A store of other sizes; nil when there is none.
    package init?(storeBytes: Int, logBytes: Int) {
        guard storeBytes >= 8 << 20, logBytes >= 4096, logBytes % 4096 == 0,
            let byteCount = SegmentLayout.chunkAlignedSize(UInt64(storeBytes)),
            let segment = SegmentLayout(
                index: 0, baseOffset: 0, byteCount: byteCount, logBytes: UInt64(logBytes))
        else { return nil }
        self.segment = segment
        directory = nil
    }

    /// Of the memory that a store takes, its directory included.
    package var byteCount: Int { directory?.end ?? Int(segment.byteCount) }

    /// As far as the store's addresses go.
    var addressBytes: UInt64 { directory?.addressBytes ?? segment.byteCount }

    /// The first superblock of an empty store, as creation writes it.
    package func format(_ memory: SimulatedMemory) {
        var superblock = StoreCreator.firstSuperblock(segment, identifier: (1, 2))
        superblock.fields.salt = 0x5a17
        let bytes = superblock.encoded()
        let start = Int(Superblock.offset(generation: 1))
        for index in stride(from: 0, to: bytes.count, by: 8) {
            let word = bytes[index..<(index + 8)].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            memory.setEverywhere(start + index, word)
        }
    }

    package enum Region: String, Sendable, CaseIterable { case superblock, chunkTable, log, heap, directory }

    package func region(_ offset: Int) -> Region {
        let offset = UInt64(offset)
        if offset >= addressBytes { return .directory }
        if offset >= segment.reservedBytes { return .heap }
        if offset >= segment.logOffset { return .log }
        return offset >= segment.chunkTableOffset ? .chunkTable : .superblock
    }

    /// What opens a store: finds its segments, makes what names them durable, and recovers.
    func recovery(_ memory: SimulatedMemory) throws(StoreError) -> Recovery<SimulatedMedium> {
        let medium = SimulatedMedium(memory: memory, role: .writer)
        guard let directory else { return recovery(medium, path: SimulatedGround.path) }
        let segments = try directory.segments(medium)
        directory.synchronize(memory)
        return recovery(medium, segments, path: SimulatedGround.path)
    }

    func recovery<M: Medium>(_ medium: M, path: String) -> Recovery<M> {
        recovery(medium, [segment], path: path)
    }

    private func recovery<M: Medium>(_ medium: M, _ segments: [SegmentLayout], path: String) -> Recovery<M> {
        var blocks = 0
        let places = segments.map { segment in
            defer { blocks += segment.tableBlockCount }
            return ChunkTableSegment(
                firstChunk: Int(segment.baseOffset >> Space.chunkShift), chunkCount: segment.chunkCount,
                tableOffset: segment.baseOffset + segment.chunkTableOffset, firstBlock: blocks)
        }
        return Recovery(
            medium: medium, segments: places, reservedBytes: segments.map { Int($0.reservedBytes) },
            storeBytes: segments.reduce(0) { $0 + $1.byteCount }, addressBytes: addressBytes, path: path)
    }

    /// What a recovery has found.
    package struct Recovered {
        package let commit: UInt64
        /// Offsets of the lines that recovery makes zero: behind the newest entry, and the ring's first.
        package let tailLine: Int
        package let ringLine: Int

        init(_ result: Recovery<SimulatedMedium>.Result) {
            let log = result.superblock.logOffset
            commit = result.writer.pointee.commit
            tailLine = Int(log + result.writer.pointee.log.tail % result.superblock.logBytes)
            ringLine = Int(log)
        }
    }

    /// Recovers what a memory holds.
    package func recover(_ memory: SimulatedMemory) throws(StoreError) -> Recovered {
        let readers = ReaderTable()
        defer { readers.deallocate() }
        let result = try recovery(memory).recover(options: Self.options, readers: readers)
        defer {
            let chunks = result.writer.pointee.heap.chunkCount
            result.writer.deallocate()
            result.verified.deallocate()
            result.map.deallocate(count: chunks)
        }
        return Recovered(result)
    }

    /// Checkpoints come when a test asks for them or the log is full, never by the clock.
    static var options: StoreOptions {
        var options = StoreOptions()
        options.recoveryTimeTargetNanoseconds = 1 << 50
        return options
    }
}
