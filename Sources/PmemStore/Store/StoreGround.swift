/// What a store stands on: the files of a directory, or memory from which a test takes the power.
protocol StoreGround: AnyObject, Sendable {
    var persistence: PersistenceReport { get }
    var lease: LeaseReport { get }
    /// Whether what backs the mapping still does.
    var health: MappingHealth { get }
    /// Bytes of the store.
    var byteCount: UInt64 { get }
    var segmentCount: Int { get }
    var visits: (count: UInt64, nanoseconds: UInt64) { get }
    /// Makes the store larger; nil where it cannot grow.
    var growth: (any StoreGrowth)? { get }

    /// The door to the mapping, for one thread.
    func medium(_ role: MediumRole, counters: UnsafeMutablePointer<MediumCounters>) -> DirectMedium
    /// What opens a store here.
    func recovery(_ medium: DirectMedium, path: String) -> Recovery<DirectMedium>
    /// Measures the block maps again and throws when one is not what it was.
    func verifyExtents() throws(StoreError)

    /// What the files lie on, measured now.
    func preallocation() throws(StoreError) -> [PreallocationReport.File]

    /// The engine is open: its work in the background may begin.
    func begin(_ engine: Engine<DirectMedium>)
    /// Before the last checkpoint. False: there is to be none.
    func prepareToEnd(_ engine: Engine<DirectMedium>) -> Bool
    /// Behind the last store.
    func close()
}

/// Whose door to the medium it is.
enum MediumRole { case writer, checkpointer }

extension SegmentDirectory: StoreGround {
    var segmentCount: Int { segments.count }

    var growth: (any StoreGrowth)? { DirectoryGrowth(directory: self) }

    func medium(_ role: MediumRole, counters: UnsafeMutablePointer<MediumCounters>) -> DirectMedium {
        unsafe medium(counters: counters)
    }

    func recovery(_ medium: DirectMedium, path: String) -> Recovery<DirectMedium> {
        Recovery(medium: medium, directory: self, path: path)
    }

    func begin(_ engine: Engine<DirectMedium>) {
        engine.startMaintenance()
        beginWatching(engine)
    }

    func prepareToEnd(_ engine: Engine<DirectMedium>) -> Bool {
        engine.stopMaintenance()
        return true
    }
}

/// Growth of a store by segment files.
private struct DirectoryGrowth: StoreGrowth {
    let directory: SegmentDirectory

    func grow(byteCount: UInt64) throws(StoreError) -> GrownSegment {
        let segment = try directory.grow(byteCount: byteCount)
        return GrownSegment(
            firstChunk: Int(segment.baseOffset >> Space.chunkShift), chunkCount: segment.chunkCount,
            reservedBytes: Int(segment.reservedBytes),
            tableOffset: segment.baseOffset + segment.chunkTableOffset)
    }

    func removeLast() throws(StoreError) { try directory.removeLast() }
}

extension Recovery where M == DirectMedium {
    fileprivate init(medium: DirectMedium, directory: SegmentDirectory, path: String) {
        var blocks = 0
        var segments: [ChunkTableSegment] = []
        var reserved: [Int] = []
        for segment in directory.segments {
            let place = ChunkTableSegment(
                firstChunk: Int(segment.baseOffset >> Space.chunkShift), chunkCount: segment.chunkCount,
                tableOffset: segment.baseOffset + segment.chunkTableOffset, firstBlock: blocks)
            segments.append(place)
            reserved.append(Int(segment.reservedBytes))
            blocks += place.blockCount
        }
        self.init(
            medium: medium, segments: segments, reservedBytes: reserved, storeBytes: directory.byteCount,
            addressBytes: directory.addressBytes, path: path)
    }
}
