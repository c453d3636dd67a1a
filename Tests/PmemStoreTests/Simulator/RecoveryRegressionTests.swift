internal import CPmem
import Testing

@testable internal import PmemStore
@testable internal import PmemStoreTesting

/// States in which recovery, or what follows it, once went wrong.
@Suite("Simulator: regressions of recovery")
struct RecoveryRegressionTests {
    private static func key(_ number: Int) -> [UInt8] { Array("key \(number)".utf8) }
    private static let large = [UInt8](repeating: 7, count: 40_000)

    private static func put(_ number: Int, _ value: [UInt8] = [1], table: UInt32 = 1) -> ModelOperation {
        .put(value, key: key(number), table: table)
    }

    @Test("A large value deleted after an open does not take its neighbours' chunk with it")
    func largeValues() throws {
        let run = try CrashRun(seed: 1)
        try run.quietly { try run.run([.commit((0..<4).map { Self.put($0, Self.large) }), .reopen]) }
        try run.run([
            .commit([.delete(Self.key(0), table: 1)]), .checkpoint,
        ])
        try run.quietly {
            try run.run([.checkpoint, .commit((4..<60).map { Self.put($0, Self.large) }), .reopen])
        }
        #expect(run.store.structuralFailure() == nil)
        #expect(run.failures.isEmpty)
    }

    @Test("A table that was found at open can be emptied, also after an abandoned transaction did so")
    func emptiedTables() throws {
        let run = try CrashRun(seed: 1)
        try run.run([
            .commit([Self.put(1), Self.put(1, table: 2)]), .reopen,
            .abort([.delete(Self.key(1), table: 1), .delete(Self.key(1), table: 2)]),
            .commit([.delete(Self.key(1), table: 1)]), .commit([.delete(Self.key(1), table: 2)]), .reopen,
        ])
        #expect(run.failures.isEmpty)
    }

    @Test("Recovery leaves the first entry of a log that is full to the last byte alone")
    func fullLog() throws {
        let run = try CrashRun(seed: 1)
        var generator = WorkloadGenerator(seed: 1)
        try run.fillLog(leaving: 0, &generator)
        #expect(run.store.engine.writer.log.usedBytes == run.store.engine.writer.log.capacity)
        try run.recover()
        try run.recover()
        try run.run(.commit([Self.put(1)]))
        #expect(run.failures.isEmpty)
    }

    /// Should the newest be lost to damage, it is what is left.
    @Test("Recovery leaves the superblock before the newest as it is")
    func olderSuperblock() throws {
        let run = try CrashRun(seed: 1)
        run.explorer.isQuiet = true
        try run.run([.commit([Self.put(1)]), .checkpoint, .commit([Self.put(2)]), .checkpoint])
        let newest = run.store.engine.checkpointer.superblock.generation
        let older = Int(Superblock.offset(generation: newest - 1))
        let words = { stride(from: older, to: older + Superblock.slotBytes, by: 8).map(run.memory.word) }
        let before = words()
        #expect(before.contains { $0 != 0 })
        for _ in 0..<2 { try run.recover() }
        #expect(words() == before)
    }

    /// Its epoch is later than that of the newest superblock, whose checkpoint is the one before.
    @Test("A record from behind a cut whose checkpoint was lost stays for the snapshot that sees it")
    func recordOfALostEpoch() throws {
        let run = try CrashRun(seed: 1)
        run.explorer.isQuiet = true
        run.memory.onNote = nil
        try run.store.commit((0..<20).map { Self.put($0) })
        try run.store.checkpoint()
        try run.store.commit([Self.put(1, [2])])
        let image = run.memory.makeChild(isTracking: true)
        var isBefore = true
        run.memory.onEvent = { event in
            guard isBefore, event.role == .checkpointer, event.kind == .drain else { return }
            isBefore = false
            _ = try? run.store.commit([Self.put(2, [3])])
            image.reset()  // the power is cut
        }
        try run.store.checkpoint()
        run.memory.onEvent = nil
        let store = try SimulatedStore(image, layout: run.layout)
        #expect(!isBefore && store.commit == 3)
        let pin = try store.engine.readers.pin()
        defer { store.engine.readers.unpin(pin) }
        try store.commit([Self.put(2, [4])])
        for round in 0..<3 {
            try store.checkpoint()
            try store.commit((100 * round..<100 * round + 100).map { Self.put(1000 + $0, [9]) })
        }
        let seen = try unsafe Self.key(2).withUnsafeBytes {
            try unsafe store.view(1, pin).find($0).map { unsafe [UInt8]($0) }
        }
        #expect(seen == [3])
    }

    @Test("A value whose construction fails leaves nothing behind in a transaction that goes on")
    func failedConstruction() throws {
        struct Refusal: Error {}
        let run = try CrashRun(seed: 1)
        let engine = run.store.engine
        try run.store.transact([Self.put(1)]) {
            #expect(throws: Refusal.self) {
                try unsafe Self.key(2).withUnsafeBytes { key in
                    try unsafe engine.writer.put(byteCount: 5000, key: key, table: 1) { _ in throw Refusal() }
                }
            }
            run.explorer.expect(1, Self.modelOfFirst)
            _ = try engine.writer.commitTransaction()
        }
        try run.run(.reopen)
        #expect(run.store.structuralFailure() == nil)
        #expect(run.failures.isEmpty)
    }

    @Test("A torn superblock is not completed by the one that the next checkpoint writes to its slot")
    func tornSuperblock() throws {
        var plan = CrashPlan.flat
        plan.lives = 1
        let run = try CrashRun(start: OperationShapes.start(1), plan: plan)
        try run.quietly { try run.run(.checkpoint) }
        let lastDrain = run.memory.eventCount - 1
        // Each word of the superblock's first line missing, alone.
        for choice in Int32(2)..<10 {
            try run.restart(seed: 1, context: "part \(choice)")
            run.explorer.target = [CrashStep(event: lastDrain, decisions: [choice])]
            try run.run(.checkpoint)
            #expect(run.failures.isEmpty, "\(run.failures)")
        }
        #expect(run.explorer.tally.lives == 8)
    }

    @Test("An entry that an older superblock needs outlives a kill and a power cut in the recovery after it")
    func killedCheckpoint() throws {
        var plan = CrashPlan.flat
        plan.kills = 1
        let run = try CrashRun(start: OperationShapes.start(1), plan: plan)
        try run.quietly { try run.run(.checkpoint) }
        try run.restart(seed: 1, context: "killed")
        run.explorer.target = [CrashStep(event: run.memory.eventCount, decisions: [])]
        let observer = run.memory.onEvent
        var drains = 0
        run.memory.onEvent = { event in
            if event.kind == .drain { drains += 1 }
            // The superblock is written, and its fence has not begun.
            if drains == 2, event.kind == .drain {
                run.explorer.target = nil
                observer?(event)
                run.explorer.target = [CrashStep(event: -1, decisions: [])]
            }
        }
        try run.run(.checkpoint)
        #expect(run.failures.isEmpty, "\(run.failures)")
        #expect(run.explorer.tally.kills == 1)
    }

    @Test("A range delete does not take a rotten key at its word, neither at work nor in replay")
    func rottenBound() throws {
        // Equal heads: only the records tell these keys apart. The first one turns into the second.
        let keys = ["the same 1", "the same 2", "the same 3", "z"].map { Array($0.utf8) }
        let range = ModelOperation.deleteRange(low: keys[1], high: keys[2], table: 1)
        let run = try CrashRun(
            start: [.commit(keys.map { .put([1], key: $0, table: 1) }), .checkpoint], context: "rotten")
        run.explorer.isQuiet = true
        try rot(keys[0], by: 3, in: run)
        isRefused { try run.store.commit([range]) }
        try run.restart(seed: 1, context: "rotten")
        run.explorer.isQuiet = true
        try run.run(.commit([range]))
        try rot(keys[0], by: 3, in: run)
        isRefused { try run.recover() }
    }

    @Test("Replay does not place a new key by a rotten one: who is deleted later takes the evidence away")
    func rottenNeighbour() throws {
        let keys = ["the same 1", "the same 3", "the same 5", "the same 6"].map { Array($0.utf8) }
        let run = try CrashRun(
            start: [.commit(keys.dropLast().map { .put([1], key: $0, table: 1) }), .checkpoint],
            context: "rotten")
        run.explorer.isQuiet = true
        let offset = try place(of: keys[1], in: run)
        try run.run(.commit([.put([1], key: keys[3], table: 1)]))
        try run.run(.commit([.delete(keys[1], table: 1)]))
        // "the same 7" would be behind the new key, and the last one before it.
        rot(at: offset, by: 4, in: run)
        isRefused { try run.recover() }
    }

    /// Changes the last byte of a key of ten bytes.
    private func rot(_ key: [UInt8], by bits: UInt64, in run: CrashRun) throws {
        rot(at: try place(of: key, in: run), by: bits, in: run)
    }

    private func rot(at offset: Int, by bits: UInt64, in run: CrashRun) {
        run.memory.setEverywhere(offset + 16, run.memory.word(offset + 16) ^ bits << 40)
    }

    private func place(of key: [UInt8], in run: CrashRun) throws -> Int {
        let root = try run.store.view(1).tree.reference
        let space = run.store.engine.space
        let reference = try unsafe key.withUnsafeBytes { try unsafe space.lookup($0, root: root) }
        return Int(RecordReference(raw: reference).offset)
    }

    private func isRefused(_ body: () throws -> Void) {
        do {
            try body()
            Issue.record("the rotten key was believed")
        } catch StoreError.corrupted(let corruption) {
            #expect(corruption.structure == .record)
        } catch {
            Issue.record(error)
        }
    }

    private static var modelOfFirst: CrashModel {
        var model = CrashModel()
        put(1).apply(to: &model)
        return model
    }
}
