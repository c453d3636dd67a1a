import Foundation
import Testing

@testable import pmembench

/// The comparison engine against a dictionary: an opponent that loses pairs would win unfairly.
@Suite struct PmemobjTreeTests {
    @Test(arguments: [UInt64(1), 2, 3, 4])
    func agreesWithDictionary(seed: UInt64) throws {
        let scratch = try ScratchDirectory()
        var generator = SeededGenerator(seed: seed)
        var model: [[UInt8]: [UInt8]] = [:]
        let engine = try PmemobjEngine.create(in: scratch.path, options: .small)
        for step in 0..<6000 {
            let key = Self.randomKey(&generator)
            // The store grows in the first half and shrinks to nothing in the second.
            let deletes = step < 3000 ? 30 : 70
            if generator.below(100) < deletes {
                let isRemoved = try engine.delete(key.bytes)
                #expect(isRemoved == (model.removeValue(forKey: key) != nil), "seed \(seed), step \(step)")
            } else {
                let value = Self.randomValue(&generator)
                try engine.put(key.bytes, value.bytes)
                model[key] = value
            }
            if step % 500 == 499 { try compare(engine, model, &generator, "seed \(seed), step \(step)") }
        }
        engine.close()
        let reopened = try PmemobjEngine.open(in: scratch.path, options: .small)
        try compare(reopened, model, &generator, "seed \(seed), reopened")
        for key in model.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            let isRemoved = try reopened.delete(key.bytes)
            #expect(isRemoved)
        }
        #expect(try reopened.count() == 0)
        reopened.close()
    }

    @Test(arguments: [false, true])
    func survivesEveryOrderOfDeletion(descending: Bool) throws {
        let scratch = try ScratchDirectory()
        let engine = try PmemobjEngine.create(in: scratch.path, options: .small)
        let shape = PairShape(keyBytes: 16, valueBytes: 20)
        var pairs = NumberedPairs(numbers: SequentialNumbers(from: 0), shape: shape)
        try engine.putBatch(2000, from: &pairs)
        #expect(try engine.count() == 2000)
        var buffer = PairBuffer(shape: shape)
        for index in 0..<2000 {
            buffer.setKey(UInt64(descending ? 1999 - index : index))
            let isRemoved = try engine.delete(buffer.key)
            #expect(isRemoved)
            if index % 97 == 0 { #expect(try engine.count() == 1999 - index) }
        }
        #expect(try engine.count() == 0)
        engine.close()
    }

    @Test func failedTransactionLeavesNothing() throws {
        let scratch = try ScratchDirectory()
        let pool = try PmemobjPool.create(at: scratch.path + "/pool.obj", byteCount: 16 << 20)
        let tree = PmemobjTree(pool: pool)
        let value = [UInt8](repeating: 1, count: 1000)
        try pool.begin()
        try tree.put([1].bytes, value.bytes)
        pool.commit()
        try pool.begin()
        #expect(throws: BenchmarkFailure.self) {
            for number in 2..<100_000 {
                let key = unsafe withUnsafeBytes(of: number) { unsafe Array($0) }
                try tree.put(key.bytes, value.bytes)
            }
        }
        pool.abort()
        #expect(tree.checkedCount() == 1)
        pool.close()
    }

    private static func randomKey(_ generator: inout SeededGenerator) -> [UInt8] {
        // Few letters and short lengths: keys collide, share heads, and are prefixes of each other.
        (0..<generator.below(14)).map { _ in UInt8(generator.below(3)) }
    }

    private static func randomValue(_ generator: inout SeededGenerator) -> [UInt8] {
        (0..<generator.below(200)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    }

    private func compare(
        _ engine: PmemobjEngine, _ model: [[UInt8]: [UInt8]], _ generator: inout SeededGenerator,
        _ place: String
    ) throws {
        let sorted = model.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        #expect(try engine.count() == model.count, "\(place)")
        var up = PairCollector()
        _ = engine.scan(reverse: false, &up)
        #expect(up.pairs.map(\.key) == sorted.map(\.key), "\(place)")
        #expect(up.pairs.map(\.value) == sorted.map(\.value), "\(place)")
        var down = PairCollector()
        _ = engine.scan(reverse: true, &down)
        #expect(down.pairs.map(\.key) == sorted.reversed().map(\.key), "\(place)")
        for _ in 0..<50 {
            let key = Self.randomKey(&generator)
            var found = ValueCollector()
            let isFound = engine.get(key.bytes, &found)
            #expect(isFound == (model[key] != nil), "\(place)")
            #expect(found.value == model[key], "\(place)")
            var some = PairCollector()
            let visited = engine.scan(from: key.bytes, limit: 5, &some)
            #expect(visited == some.pairs.count)
            let expected = sorted.filter { !$0.key.lexicographicallyPrecedes(key) }.prefix(5)
            #expect(some.pairs.map(\.key) == expected.map(\.key), "\(place)")
        }
    }
}
