internal import CPmem
internal import Testing

@testable internal import PmemStore

/// Compares what a freshly opened store's trees reach with what its bitmaps say is live: no leak and no loss.
struct SpaceAudit {
    private let space: NodeSpace<DirectMedium>
    private let map: ChunkMap
    private let chunkCount: Int
    private var reached: Set<UInt64> = []
    private(set) var failures: [String] = []

    /// Audits a store whose log is empty and in which nothing was written since it was opened.
    static func run(_ store: Store, _ location: SourceLocation = #_sourceLocation) throws {
        #expect(store.openReport.replayedOperations == 0, "the log is not empty", sourceLocation: location)
        var audit = SpaceAudit(store)
        try audit.reach(NodeReference(raw: store.engine.readers.newestRoot))
        let live = try audit.live()
        #expect(audit.failures == [], sourceLocation: location)
        let leaked = live.subtracting(audit.reached)
        let lost = audit.reached.subtracting(live)
        #expect(leaked.isEmpty, "\(leaked.count) live but not reachable", sourceLocation: location)
        #expect(lost.isEmpty, "\(lost.count) reachable but not live", sourceLocation: location)
    }

    private init(_ store: Store) {
        space = store.engine.space
        map = store.engine.writer.heap.map
        chunkCount = store.engine.writer.heap.chunkCount
    }

    private mutating func reach(_ catalog: NodeReference) throws {
        if catalog.isNone { return }
        let node = try space.node(catalog)
        enter(catalog.offset)
        for index in 0..<node.count {
            let child = unsafe NodeReference(raw: (node.isLeaf ? node.records : node.children)[index])
            if node.isLeaf { try reachTable(child) } else { try reach(child) }
        }
    }

    private mutating func reachTable(_ root: NodeReference) throws {
        let pairs = try space.node(root).pairs(at: .max)
        var check = TreeCheck(space: space)
        try check.check(TreeState(root: root, pairs: pairs))
        failures += check.failures
        for node in check.nodesOnMedium { enter(node.offset) }
        for reference in check.records {
            let record = space.record(reference)
            let offset = RecordReference(raw: reference).offset
            enter(offset)
            if record.isExternal { enter(record.external.offset) }
            if record.computedChecksum(offset: offset) != record.checksum {
                failures.append("record at \(offset) is damaged")
            }
        }
    }

    private mutating func enter(_ offset: UInt64) {
        if !reached.insert(offset).inserted { failures.append("offset \(offset) is reached twice") }
    }

    /// Offsets of all slots and runs that the last checkpoint calls live.
    private func live() throws -> Set<UInt64> {
        var live: Set<UInt64> = []
        for index in 0..<chunkCount {
            let chunk = unsafe map[index].pointee
            let saved = unsafe map.saved(index).pointee
            let start = UInt64(index) << Space.chunkShift
            if saved.savedKind == Chunk.run { live.insert(start) }
            guard Chunk.sizeClass(saved.savedKind) != nil, saved.liveSlots > 0 else { continue }
            let words = UnsafeMutablePointer<UInt64>.allocate(capacity: chunk.words)
            unsafe words.initialize(repeating: 0, count: chunk.words)
            defer { unsafe words.deallocate() }
            try unsafe Bitmap.load(space.medium, chunk: index, map: map, into: words)
            for slot in 0..<Int(chunk.slotCount) where unsafe words[slot >> 6] >> UInt64(slot & 63) & 1 == 1 {
                live.insert(start + UInt64(chunk.slotsStart) + UInt64(slot) * UInt64(chunk.slotBytes))
            }
        }
        return live
    }
}
