internal import CPmem
import Testing

@testable internal import PmemStore
@testable internal import PmemStoreTesting

/// A closure that catches an error and goes on: what is committed is what the log says, or nothing.
@Suite("Simulator: swallowed errors")
struct SwallowedErrorTests {
    private static func key(_ index: Int) -> [UInt8] { Array("key \(1000 + index)".utf8) }

    /// A checkpoint of many leaves, one of them damaged, opened anew.
    private static func makeDamaged() throws -> (store: SimulatedStore, layout: SimulatedLayout) {
        let run = try CrashRun(seed: 22, context: "swallowed")
        run.explorer.isQuiet = true
        try run.run([.commit((0..<600).map { .put([1], key: key($0), table: 1) }), .checkpoint])
        let root = NodeReference(raw: run.store.engine.checkpointer.superblock.root)
        let image = run.memory.makeChild(isTracking: false)
        image.reset()
        let whole = try SimulatedStore(image, layout: run.layout)
        let tree = try Catalog.table(1, in: root, space: whole.engine.space)
        let leaf = try unsafe key(300).withUnsafeBytes {
            try unsafe #require(try whole.engine.space.leaf(for: $0, root: tree.reference))
        }
        let place = unsafe Int(leaf.header.pointee.place)
        image.setEverywhere(place + 512, image.word(place + 512) ^ 4)
        return (try SimulatedStore(image, layout: run.layout), run.layout)
    }

    /// For use within another expectation.
    private func expectFailure(_ body: () throws -> Void) {
        do {
            try body()
            Issue.record("it has not failed")
        } catch {}
    }

    @Test("A range delete that fails half way is not committed with what follows")
    func rangeDelete() throws {
        let (store, layout) = try Self.makeDamaged()
        let before = store.commit
        let range = ModelOperation.deleteRange(low: Self.key(0), high: nil, table: 1)
        #expect(throws: StoreError.self) {
            try store.transact([]) {
                try ModelOperation.put([2], key: Self.key(0), table: 2).run(on: store)
                expectFailure { try range.run(on: store) }
                try ModelOperation.put([2], key: Self.key(1), table: 2).run(on: store)
                return try store.engine.writer.commitTransaction()
            }
        }
        #expect(store.commit == before)
        #expect(store.engine.writer.poisonReason == nil)
        // With a savepoint around it, the rest can be committed.
        let after = try store.transact([]) {
            try ModelOperation.put([3], key: Self.key(0), table: 2).run(on: store)
            let mark = try store.engine.writer.mark()
            expectFailure { try range.run(on: store) }
            expectFailure { _ = try store.engine.writer.mark() }
            try store.engine.writer.rollBack(to: mark)
            return try store.engine.writer.commitTransaction()
        }
        #expect(after == before + 1)
        let recovered = try SimulatedStore(store.memory, layout: layout)
        #expect(recovered.commit == after)
        for store in [store, recovered] {
            let view = try store.view(1)
            let value = try unsafe Self.key(0).withUnsafeBytes {
                unsafe [UInt8](try view.find($0) ?? .init(start: nil, count: 0))
            }
            #expect(value == [1])
            #expect(view.count == 600)
        }
    }

    @Test("A poisoned store neither commits what is open nor sets space free")
    func poisoned() throws {
        let run = try CrashRun(seed: 23, context: "poisoned")
        run.explorer.isQuiet = true
        try run.run([.commit([.put([1], key: Self.key(0), table: 1)]), .checkpoint])
        let before = run.store.commit
        #expect(throws: StoreError.commit(.poisoned(reason: "test"))) {
            try run.store.transact([.put([2], key: Self.key(0), table: 1)]) {
                run.store.engine.writer.poisonReason = "test"
                return try run.store.engine.writer.commitTransaction()
            }
        }
        #expect(run.store.commit == before)
        #expect(throws: StoreError.commit(.poisoned(reason: "test"))) { try run.store.engine.checkpoint() }
    }

    @Test("A large value whose record is damaged is reported, not followed")
    func wildValue() throws {
        let run = try CrashRun(seed: 24, context: "wild")
        run.explorer.isQuiet = true
        try run.run([
            .commit([.put([UInt8](repeating: 1, count: 40_000), key: Self.key(0), table: 1)]), .checkpoint,
        ])
        let tree = try run.store.view(1).tree
        let reference = try unsafe Self.key(0).withUnsafeBytes {
            try unsafe run.store.engine.space.lookup($0, root: tree.reference)
        }
        // The descriptor's offset stands behind a header of 12 and a key of 8 bytes.
        let place = Int(RecordReference(raw: reference).offset) + 16
        run.memory.setEverywhere(place, run.memory.word(place) | 1 << 62)
        #expect(throws: StoreError.self) {
            _ = try unsafe Self.key(0).withUnsafeBytes { unsafe try run.store.view(1).find($0) }
        }
        try run.store.commit([.delete(Self.key(0), table: 1)])
        #expect(throws: StoreError.self) { try run.store.engine.checkpoint() }
    }

    /// The descriptor names another value's extent: who followed it would set that one free.
    @Test("A large value whose record names another one's place is reported, and nothing is set free")
    func strayValue() throws {
        let run = try CrashRun(seed: 26, context: "stray")
        run.explorer.isQuiet = true
        let keys = ["big1", "big2"].map { Array($0.utf8) }
        try run.run([
            .commit(keys.map { .put([UInt8](repeating: $0[3], count: 40_000), key: $0, table: 1) }),
            .checkpoint,
        ])
        let tree = try run.store.view(1).tree
        // The descriptor's offset stands behind a header of 12 and a key of 4 bytes.
        let places = try keys.map { key in
            let reference = try unsafe key.withUnsafeBytes {
                try unsafe run.store.engine.space.lookup($0, root: tree.reference)
            }
            return Int(RecordReference(raw: reference).offset) + 16
        }
        run.memory.setEverywhere(places[0], run.memory.word(places[1]))
        try run.store.commit([.delete(keys[0], table: 1)])
        let error = #expect(throws: StoreError.self) { try run.store.engine.checkpoint() }
        guard case .corrupted(let corruption) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(corruption.structure == .record && corruption.offset == UInt64(places[0] - 16))
        let other = try unsafe keys[1].withUnsafeBytes {
            try unsafe run.store.view(1).find($0).map { unsafe [UInt8]($0) }
        }
        #expect(other == [UInt8](repeating: keys[1][3], count: 40_000))
    }
}
