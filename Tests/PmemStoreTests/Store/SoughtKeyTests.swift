internal import PmemStoreTesting
import Testing

@testable internal import PmemStore

/// A look-up within a transaction keeps the way to its key for a put that follows. Whatever comes between may have
/// changed that way.
@Suite("Store: puts of keys that were looked up")
struct SoughtKeyTests {
    private static let keys = 150
    private static let steps = 400

    @Test("Look-ups, and whatever may come between them and a put", arguments: TestPlan.seeds([1, 2, 3]))
    func randomSteps(seed: UInt64) throws {
        let fixture = try StoreFixture()
        var generator = SeededGenerator(seed: seed)
        var model = StoreModel()
        try fixture.store.write { tx in _ = try tx.createTable("t") }
        model.tables["t"] = [:]
        for round in 0..<20 {
            try fixture.store.write { tx in
                for step in 0..<Self.steps {
                    try Self.change(
                        &tx, &model, value: [UInt8](pattern: round * 1000 + step, count: 12), &generator)
                }
            }
            try #expect(fixture.store.read { tx in try tx.everything() } == model)
            if round % 5 == 4 { try fixture.reopenAsIfKilled() }
        }
        try #expect(fixture.store.read { tx in try tx.everything() } == model)
    }

    /// A look-up, something or nothing, and a put: of the key that was looked up, or of another.
    @_lifetime(tx: copy tx)
    private static func change(
        _ tx: inout WriteTransaction, _ model: inout StoreModel, value: [UInt8],
        _ generator: inout SeededGenerator
    ) throws {
        let names = [StoreModel.main, "t"]
        let name = names[Int(generator.next() % 2)]
        let key = key(&generator)
        let table = try tx.modelTable(name)
        #expect(try tx.get(key, in: table) == model.tables[name]?[key])
        let other = Self.key(&generator)
        switch generator.next() % 8 {
        case 0:
            try tx.delete(key, in: table)
            model.tables[name]?[key] = nil
        case 1:
            try tx.delete(other, in: table)
            model.tables[name]?[other] = nil
        case 2:
            try tx.put(value, forKey: other, in: table)
            model.tables[name]?[other] = value
        case 3:
            let elsewhere = name == "t" ? StoreModel.main : "t"
            try tx.put(value, forKey: key, in: tx.modelTable(elsewhere))
            model.tables[elsewhere]?[key] = value
        case 4:
            let end = [key[0], key[1] &+ 3]
            try tx.deleteRange(from: key, to: end, in: table)
            for gone in model.pairs(in: name, from: key, to: end) { model.tables[name]?[gone.key] = nil }
        case 5:
            #expect(throws: Deliberate()) {
                try tx.savepoint { inner in
                    try inner.put([1], forKey: key, in: table)
                    _ = try inner.get(key, in: table)
                    throw Deliberate()
                }
            }
        default: break
        }
        let target = generator.next() % 4 == 0 ? other : key
        try tx.put(value, forKey: target, in: table)
        model.tables[name]?[target] = value
    }

    private static func key(_ generator: inout SeededGenerator) -> [UInt8] {
        let number = Int(generator.next() % UInt64(keys))
        return [UInt8(number >> 4), UInt8(number & 15 << 4), 5]
    }

    @Test("A transaction that looks up and puts looks up once")
    func onePath() throws {
        let fixture = try StoreFixture()
        try fixture.store.write { tx in
            for number in 0..<2000 { try tx.put("old", forKey: [UInt8(number >> 8), UInt8(number & 255)]) }
        }
        try fixture.store.write { tx in
            #expect(try tx.get([3, 7]) == [UInt8](text: "old"))
            #expect(fixture.store.engine.writer.trees.path.isSought)
            try tx.put("new", forKey: [3, 7])
            #expect(!fixture.store.engine.writer.trees.path.isSought)
            #expect(try tx.get([3, 9]) == [UInt8](text: "old"))
            #expect(try tx.get([9, 9]) == nil)
            #expect(!fixture.store.engine.writer.trees.path.isSought)
        }
        #expect(try fixture.store.read { tx in try tx.get([3, 7]) } == [UInt8](text: "new"))
        #expect(try fixture.store.read { tx in try tx.get([3, 9]) } == [UInt8](text: "old"))
    }
}
