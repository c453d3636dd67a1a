internal import CPmem
import Testing

@testable internal import PmemStore
@testable internal import PmemStoreTesting

/// Bits that flip on the medium: what is read afterwards is right, or a typed error says what is damaged.
///
/// Known, and not tested: keys and values of records are read without their checksum being verified, so a flipped bit
/// in one is noticed by replay and by checks only.
@Suite("Simulator: media damage")
struct MediaDamageTests {
    enum Part: String, CaseIterable, Sendable {
        case newestSuperblock, olderSuperblock, chunkTable, bitmap, node, log
    }

    /// Two checkpoints, then commits that stand in the log only.
    private static func makeRun() throws -> CrashRun {
        let run = try CrashRun(seed: 21, context: "damage")
        run.explorer.isQuiet = true
        func puts(_ range: Range<Int>, _ fill: UInt8) -> ModelStep {
            .commit(range.map { .put([fill, 1], key: Array("key \($0)".utf8), table: $0 % 2 == 0 ? 1 : 2) })
        }
        try run.run([puts(0..<150, 1), .checkpoint, puts(100..<200, 2), .checkpoint])
        try run.run([
            puts(0..<2, 3), puts(1..<3, 4), puts(2..<4, 5), .commit([.delete(Array("key 9".utf8), table: 2)]),
        ])
        return run
    }

    /// Ranges of bytes that belong to a part.
    private static func places(_ part: Part, _ run: CrashRun) throws -> [Range<Int>] {
        let superblock = run.store.engine.checkpointer.superblock
        func slot(_ generation: UInt64) -> Range<Int> {
            let start = Int(Superblock.offset(generation: generation))
            return start..<(start + Superblock.headerBytes)
        }
        switch part {
        case .newestSuperblock: return [slot(superblock.generation)]
        case .olderSuperblock: return [slot(superblock.generation &- 1)]
        case .chunkTable:
            let start = Int(run.layout.segment.chunkTableOffset)
            return [start..<(start + 2 * ChunkTable.blockBytes)]
        case .log:
            // All entries but the last, whose damage looks like a torn tail.
            let ring = Int(run.layout.segment.logOffset)
            let log = (
                head: Int(run.store.engine.writer.log.head), tail: Int(run.store.engine.writer.log.tail)
            )
            return [(ring + log.head)..<(ring + log.tail - 64)]
        case .node:
            let store = try SimulatedStore(image(run), layout: run.layout)
            defer { withExtendedLifetime(store) {} }
            var check = TreeCheck(space: store.engine.space)
            try check.check(TreeState(root: NodeReference(raw: superblock.root), pairs: 0, isCatalog: true))
            for table: UInt32 in [0, 1, 2, 3] {
                let root = NodeReference(raw: superblock.root)
                try check.check(Catalog.table(table, in: root, space: check.space))
            }
            return check.nodesOnMedium.map { Int($0.offset)..<(Int($0.offset) + $0.byteCount) }
        case .bitmap:
            return (0..<run.store.engine.writer.heap.chunkCount).compactMap { index in
                let chunk = unsafe run.store.engine.checkpointer.map[index].pointee
                let saved = unsafe run.store.engine.checkpointer.map.saved(index).pointee
                guard let sizeClass = Chunk.sizeClass(saved.savedKind) else { return nil }
                let geometry = ChunkGeometry(sizeClass: sizeClass, reservedBytes: Int(chunk.reservedBytes))
                let start = index << Int(Space.chunkShift) + geometry.bitmapStart
                return start..<(start + 2 * geometry.bitmapBytes)
            }
        }
    }

    private static func image(_ run: CrashRun) -> SimulatedMemory {
        let image = run.memory.makeChild(isTracking: false)
        image.reset()
        return image
    }

    @Test("A flipped bit is harmless or reported", arguments: Part.allCases)
    func flippedBit(part: Part) throws {
        let run = try Self.makeRun()
        var random = SeededGenerator(seed: TestPlan.seeds([31])[0])
        let places = try Self.places(part, run)
        let commit = run.store.commit
        let model = run.explorer.model
        let image = CrashImage(run.memory.makeChild(isTracking: false), layout: run.layout)
        var refused = 0
        for _ in 0..<(150 * TestPlan.scale) {
            let range = try #require(places.randomElement(using: &random))
            let offset = Int.random(in: range, using: &random) & ~7
            let bit = UInt64.random(in: 0..<64, using: &random)
            image.memory.reset()
            image.memory.setEverywhere(offset, image.memory.word(offset) ^ 1 << bit)
            let before = image.memory.imageHash
            let verdict = image.check(allowed: [model.expected(at: commit)])
            if verdict.commit == nil {
                #expect(image.memory.imageHash == before, "refused, and written to: \(offset), bit \(bit)")
            }
            guard
                let failure = verdict.failure
                    ?? FutureUse(image).failure(from: (model.expected(at: commit), model))
            else {
                // Commits have followed the newest checkpoint: that it is lost must show.
                #expect(
                    part != .log && part != .newestSuperblock,
                    "damage at \(offset), bit \(bit) went unnoticed")
                continue
            }
            refused += 1
            // Whatever the oracle could not do must be for a typed error, never for a wrong answer.
            #expect(
                failure.contains("corrupted(") || failure.contains("newerFormat"),
                "offset \(offset), bit \(bit): \(failure)")
            // Commits carry the generation of the checkpoint before them, so that it is missed, not what it named.
            if part == .newestSuperblock {
                #expect(failure.contains("superblock"), "offset \(offset), bit \(bit): \(failure)")
            }
            if part == .log {
                #expect(failure.contains("commitLog"), "offset \(offset), bit \(bit): \(failure)")
            }
        }
        if part != .olderSuperblock, part != .bitmap, part != .chunkTable { #expect(refused > 0) }
        print("damage to \(part): \(refused) of \(150 * TestPlan.scale) refused")
    }

    // MARK: What is covered to the last bit

    /// The copies that count, of the chunk table's block and of all bitmaps, as far as their checksums reach.
    private static func counted(_ run: CrashRun) -> (table: Range<Int>, bitmaps: [Range<Int>]) {
        let checkpointer = run.store.engine.checkpointer
        let slot = Int(Superblock.offset(generation: checkpointer.superblock.generation))
        let copy = Int(run.memory.word(slot + Superblock.headerBytes) & 1)
        let table = Int(run.layout.segment.chunkTableOffset) + copy * ChunkTable.blockBytes
        let bitmaps = (0..<run.store.engine.writer.heap.chunkCount).compactMap { index -> Range<Int>? in
            let saved = unsafe checkpointer.map.saved(index).pointee
            guard saved.liveSlots > 0,
                let geometry = Bitmap.geometry(index, kind: saved.savedKind, map: checkpointer.map)
            else { return nil }
            let start = Int(Bitmap.place(index, geometry, copy: saved.copy))
            return start..<(start + 16 + 8 * geometry.words)
        }
        return (table..<(table + ChunkTable.blockBytes), bitmaps)
    }

    @Test(
        "A bit that flips in the table block that counts, or in a bitmap, is reported"
    )
    func everyWord() throws {
        let run = try Self.makeRun()
        var random = SeededGenerator(seed: TestPlan.seeds([32])[0])
        let (table, bitmaps) = Self.counted(run)
        #expect(bitmaps.count >= 2)
        let state = run.explorer.model.expected(at: run.store.commit)
        let image = CrashImage(run.memory.makeChild(isTracking: false), layout: run.layout)
        for (range, structure) in [(table, "chunkTable")] + bitmaps.map({ ($0, "bitmap") }) {
            // Of a bitmap the head, the words in use, and some of the others.
            let words = Array(stride(from: range.lowerBound, to: range.upperBound, by: 8))
            for offset in words.prefix(64) + words.dropFirst(64).shuffled(using: &random).prefix(16) {
                image.memory.reset()
                let bit = UInt64.random(in: 0..<64, using: &random)
                image.memory.setEverywhere(offset, image.memory.word(offset) ^ 1 << bit)
                let failure = image.check(allowed: [state]).failure ?? "nothing"
                #expect(failure.contains("corrupted("), "\(structure) at \(offset), bit \(bit): \(failure)")
                #expect(failure.contains(structure), "at \(offset), bit \(bit): \(failure)")
            }
        }
    }

    /// What is there is a whole bitmap with as many bits, of the same place and the checkpoint before the last.
    @Test("A bitmap whose last write was lost is reported")
    func lostBitmap() throws {
        let run = try CrashRun(seed: 25, context: "lost bitmap")
        run.explorer.isQuiet = true
        func put(_ number: Int, _ fill: UInt8) -> ModelOperation {
            .put([fill], key: Array("key \(number)".utf8), table: 1)
        }
        try run.run([.commit((0..<10).map { put($0, 0) }), .checkpoint])
        var words: [[Int: UInt64]] = []
        for round in 1...6 {
            // One record dies and one is born, each time in other slots.
            try run.run([.commit([put(round, 1)]), .checkpoint])
            let counted = Self.counted(run).bitmaps.joined().filter { $0 % 8 == 0 }
            words.append(Dictionary(uniqueKeysWithValues: counted.map { ($0, run.memory.word($0)) }))
        }
        let state = run.explorer.model.expected(at: run.store.commit)
        let image = CrashImage(run.memory.makeChild(isTracking: false), layout: run.layout)
        var lost = 0
        for bitmap in Self.counted(run).bitmaps {
            image.memory.reset()
            #expect(image.check(allowed: [state]).failure == nil)
            image.memory.reset()
            let places = stride(from: bitmap.lowerBound, to: bitmap.upperBound, by: 8)
            let before = places.compactMap { words[3][$0] }
            guard before.count == Array(places).count, before != places.map({ run.memory.word($0) }) else {
                continue
            }
            for (place, word) in zip(places, before) { image.memory.setEverywhere(place, word) }
            let failure = image.check(allowed: [state]).failure ?? "nothing"
            #expect(failure.contains("corrupted(") && failure.contains("bitmap"), "\(failure)")
            lost += 1
        }
        #expect(lost > 0)
    }
}
