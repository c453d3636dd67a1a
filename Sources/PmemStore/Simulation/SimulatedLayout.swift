internal import CPmem

/// Where things lie in simulated stores: one segment, the smallest log.
package struct SimulatedLayout: Sendable {
    package let segment: SegmentLayout

    package init(chunks: Int = 24, logBytes: UInt64 = 16 << 10) {
        guard
            let segment = SegmentLayout(
                index: 0, baseOffset: 0, byteCount: UInt64(chunks) << Space.chunkShift, logBytes: logBytes)
        else { preconditionFailure("no segment has \(chunks) chunks") }
        self.segment = segment
    }

    /// A store of other sizes; nil when there is none.
    package init?(storeBytes: Int, logBytes: Int) {
        guard storeBytes >= 8 << 20, logBytes >= 4096, logBytes % 4096 == 0,
            let byteCount = SegmentLayout.chunkAlignedSize(UInt64(storeBytes)),
            let segment = SegmentLayout(
                index: 0, baseOffset: 0, byteCount: byteCount, logBytes: UInt64(logBytes))
        else { return nil }
        self.segment = segment
    }

    package var byteCount: Int { Int(segment.byteCount) }

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

    package enum Region: String, Sendable, CaseIterable { case superblock, chunkTable, log, heap }

    package func region(_ offset: Int) -> Region {
        let offset = UInt64(offset)
        if offset >= segment.reservedBytes { return .heap }
        if offset >= segment.logOffset { return .log }
        return offset >= segment.chunkTableOffset ? .chunkTable : .superblock
    }

    func recovery(_ memory: SimulatedMemory) -> Recovery<SimulatedMedium> {
        recovery(SimulatedMedium(memory: memory, role: .writer), path: SimulatedGround.path)
    }

    func recovery<M: Medium>(_ medium: M, path: String) -> Recovery<M> {
        let place = ChunkTableSegment(
            firstChunk: 0, chunkCount: segment.chunkCount, tableOffset: segment.chunkTableOffset,
            firstBlock: 0)
        return Recovery(
            medium: medium, segments: [place],
            reservedBytes: [Int(segment.reservedBytes)], storeBytes: segment.byteCount,
            addressBytes: segment.byteCount, path: path)
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
            result.writer.deallocate()
            result.verified.deallocate()
            result.map.deallocate(count: segment.chunkCount)
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
