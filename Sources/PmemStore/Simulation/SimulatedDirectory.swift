/// What the file system has of a simulated store's grown segments: for each its file's size and header, and its name.
///
/// It lies behind the store's addresses in the same memory, a word for each, and what growth does to it is stored like
/// anything else: until the file, or the directory, was synced, a power cut may find it or not. So recovery meets a
/// segment that is there or not, of its size or not, with its header or not. `PreallocationManager` makes the calls on
/// real file systems; this makes the same ones in the same order, less those whose traces only a hidden file has.
package struct SimulatedDirectory: Sendable {
    private static let most = 7
    private static let sector = 512

    private let first: SegmentLayout
    /// As far as the store's addresses go.
    let addressBytes: UInt64

    init(first: SegmentLayout, growth: Int) {
        self.first = first
        addressBytes = first.byteCount + UInt64(growth) << Space.chunkShift
    }

    /// End of the memory.
    var end: Int { Int(addressBytes) + 2 * 8 * Self.sector }

    // Names and files in sectors of their own: nothing orders them but syncs.
    private func name(_ index: Int) -> UInt64 { addressBytes + UInt64(index * Self.sector) }
    private func size(_ index: Int) -> UInt64 { addressBytes + UInt64((8 + index) * Self.sector) }
    private func header(_ index: Int) -> UInt64 { size(index) + 64 }

    // MARK: Opening

    /// The segments that have a name, in order.
    func segments(_ medium: SimulatedMedium) throws(StoreError) -> [SegmentLayout] {
        var segments = [first]
        var end = first.byteCount
        for index in 1...Self.most {
            if medium.load8(name(index)) == 0 { continue }
            let path = SimulatedGround.path + "/" + SegmentName.sealed(index)
            if index != segments.count { throw .open(.missingSegment(path: path, index: segments.count)) }
            let bytes = medium.load8(size(index))
            guard
                let segment = SegmentLayout(
                    index: index, baseOffset: end, byteCount: medium.load8(header(index)), logBytes: 0)
            else { throw .open(.notAStore(path: path, reason: "it has no header")) }
            if bytes < segment.byteCount {
                throw .open(.truncated(path: path, expectedBytes: segment.byteCount, foundBytes: bytes))
            }
            segments.append(segment)
            end += segment.byteCount
        }
        return segments
    }

    /// What names the segments is durable, also when only the process was killed before its sync.
    func synchronize(_ memory: SimulatedMemory) {
        // A sync asks nobody who has written.
        memory.flush(addressBytes, 8 * Self.sector, role: .directory, site: Sync.opening.site)
        sync(.opening, .directory, memory)
    }

    // MARK: Growth

    /// Calls that make something durable, for tests that leave one out. Their numbers stand for lines of the engine.
    package enum Sync: UInt32, Sendable, CaseIterable {
        case opening = 1, fill, header, rename, unlink

        package var site: SourceSite { SourceSite(number: rawValue) }
    }

    /// Builds a segment's file, gives it its name, and makes both durable.
    func build(_ segment: SegmentLayout, _ memory: SimulatedMemory) {
        let index = segment.index
        memory.erase(Int(segment.baseOffset)..<Int(segment.baseOffset + segment.byteCount))
        // fallocate, pwrite of zeros, fdatasync
        store(size(index), segment.byteCount, .file, memory)
        sync(.fill, .file, memory)
        // pwrite, fdatasync
        store(header(index), segment.byteCount, .file, memory)
        sync(.header, .file, memory)
        memory.promise(.file, "rename")
        // rename, fsync of the directory
        store(name(index), 1, .directory, memory)
        sync(.rename, .directory, memory)
        memory.promise(.directory, "end of growth")
    }

    /// Removes a segment's file.
    func remove(_ index: Int, _ memory: SimulatedMemory) {
        // unlink, fsync of the directory
        store(name(index), 0, .directory, memory)
        sync(.unlink, .directory, memory)
        memory.promise(.directory, "end of shrinking")
    }

    private func sync(_ call: Sync, _ role: SimulatedEvent.Role, _ memory: SimulatedMemory) {
        memory.drain(role: role, site: call.site)
    }

    private func store(
        _ offset: UInt64, _ value: UInt64, _ role: SimulatedEvent.Role, _ memory: SimulatedMemory
    ) {
        unsafe withUnsafeBytes(of: value) { bytes in
            guard let start = bytes.baseAddress else { return }
            unsafe memory.copyIn(offset, start, 8, role: role, site: .none)
        }
    }
}

/// Growth of a store on simulated memory.
struct SimulatedGrowth: StoreGrowth {
    let memory: SimulatedMemory
    let directory: SimulatedDirectory

    private func segments() throws(StoreError) -> [SegmentLayout] {
        try directory.segments(SimulatedMedium(memory: memory, role: .directory))
    }

    func grow(byteCount: UInt64) throws(StoreError) -> GrownSegment {
        let segments = try segments()
        let end = segments.reduce(0) { $0 + $1.byteCount }
        guard end + byteCount <= directory.addressBytes,
            let segment = SegmentLayout(
                index: segments.count, baseOffset: end, byteCount: byteCount, logBytes: 0)
        else { throw .commit(.full(quotaBytes: directory.addressBytes, neededBytes: byteCount)) }
        directory.build(segment, memory)
        return GrownSegment(
            firstChunk: Int(end >> Space.chunkShift), chunkCount: segment.chunkCount,
            reservedBytes: Int(segment.reservedBytes), tableOffset: end + segment.chunkTableOffset)
    }

    func removeLast() throws(StoreError) { directory.remove(try segments().count - 1, memory) }
}

extension SimulatedMemory {
    /// Takes what was stored to a range out of every image, also what is pending: the file is gone, and its successor
    /// begins with zeros.
    fileprivate func erase(_ range: Range<Int>) {
        let isKept = units.map { !range.contains($0.offset) }
        if isKept.contains(false) { keepUnits(isKept) }
        for place in stride(from: range.lowerBound, to: range.upperBound, by: 8)
        where word(place) != 0 || isTracking && durableWord(place) != 0 { setEverywhere(place, 0) }
    }
}
