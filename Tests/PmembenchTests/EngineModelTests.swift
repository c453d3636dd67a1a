import Testing

@testable import pmembench

/// Every engine against a dictionary: one that loses pairs would win unfairly.
@Suite struct EngineModelTests {
    @Test(arguments: EngineName.builtIn, [UInt64(1), 2])
    func agreesWithDictionary(engine: EngineName, seed: UInt64) throws {
        try engine.accept(ModelCheck(name: engine, seed: seed))
    }

    @Test(arguments: EngineName.builtIn)
    func viewsStay(engine: EngineName) throws {
        try engine.accept(SnapshotCheck(name: engine))
    }

    @Test(arguments: EngineName.allCases)
    func enginesThatAreMissingSayHowToGetThem(engine: EngineName) {
        #expect(engine.isBuiltIn || engine.notBuiltIn.description.contains("--traits"))
        if let trait = engine.trait { #expect(engine.notBuiltIn.description.contains(trait.package)) }
    }
}

private struct ModelCheck: EngineVisitor {
    let name: EngineName
    let seed: UInt64

    func visit<Engine: BenchmarkEngine>(_ type: Engine.Type) throws {
        let scratch = try ScratchDirectory()
        var generator = SeededGenerator(seed: seed)
        var model: [[UInt8]: [UInt8]] = [:]
        let engine = try Engine.create(in: scratch.path, options: .small(name))
        for step in 0..<3000 {
            // The store grows in the first half and shrinks in the second.
            try change(
                engine, &model, &generator, deletes: step < 1500 ? 30 : 70,
                "\(name), seed \(seed), step \(step)")
            if step % 500 == 499 {
                try compare(engine, model, &generator, "\(name), seed \(seed), step \(step)")
            }
        }
        try engine.close()
        let reopened = try Engine.open(in: scratch.path, options: .small(name))
        try compare(reopened, model, &generator, "\(name), seed \(seed), reopened")
        for key in model.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            let isRemoved = try reopened.delete(key.bytes)
            #expect(isRemoved != false)
        }
        #expect(try reopened.count() == 0)
        try reopened.close()
    }

    private func change<Engine: BenchmarkEngine>(
        _ engine: Engine, _ model: inout [[UInt8]: [UInt8]], _ generator: inout SeededGenerator, deletes: Int,
        _ place: String
    ) throws {
        let key = Self.randomKey(&generator)
        let value = Self.randomValue(&generator)
        let dice = generator.below(100)
        if dice < deletes {
            let isRemoved = try engine.delete(key.bytes)
            let wasThere = model.removeValue(forKey: key) != nil
            #expect(isRemoved == nil || isRemoved == wasThere, "\(place)")
        } else if dice < deletes + 5 {
            var found = ValueCollector()
            let isFound = try engine.readModifyWrite(key.bytes, value.bytes, &found)
            #expect(isFound == (model[key] != nil), "\(place)")
            #expect(found.value == model[key], "\(place)")
            model[key] = value
        } else if dice < deletes + 10 {
            let other = key + [7]
            var change = Swap()
            let areFound = try engine.changePair(key.bytes, other.bytes, &change)
            #expect(areFound == (model[key] != nil && model[other] != nil), "\(place)")
            let old = (model[key] ?? [], model[other] ?? [])
            model[key] = old.1
            model[other] = old.0
        } else {
            try engine.put(key.bytes, value.bytes)
            model[key] = value
        }
    }

    /// Few letters and short lengths: keys collide, share heads, and are prefixes of each other. None is empty: not
    /// every engine takes that.
    private static func randomKey(_ generator: inout SeededGenerator) -> [UInt8] {
        (0...generator.below(13)).map { _ in UInt8(generator.below(3)) }
    }

    private static func randomValue(_ generator: inout SeededGenerator) -> [UInt8] {
        (0..<generator.below(200)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    }

    private func compare<Engine: BenchmarkEngine>(
        _ engine: Engine, _ model: [[UInt8]: [UInt8]], _ generator: inout SeededGenerator, _ place: String
    ) throws {
        #expect(try engine.count() == model.count, "\(place)")
        for _ in 0..<50 {
            let key = Self.randomKey(&generator)
            var found = ValueCollector()
            let isFound = try engine.get(key.bytes, &found)
            #expect(isFound == (model[key] != nil), "\(place)")
            #expect(found.value == model[key], "\(place)")
        }
        for (key, value) in model {
            var found = ValueCollector()
            _ = try engine.get(key.bytes, &found)
            #expect(found.value == value, "\(place)")
        }
        if Engine.abilities.isOrdered { try compareOrder(engine, model, &generator, place) }
    }

    private func compareOrder<Engine: BenchmarkEngine>(
        _ engine: Engine, _ model: [[UInt8]: [UInt8]], _ generator: inout SeededGenerator, _ place: String
    ) throws {
        let sorted = model.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        var up = PairCollector()
        _ = try engine.scan(reverse: false, &up)
        #expect(up.pairs.map(\.key) == sorted.map(\.key), "\(place)")
        #expect(up.pairs.map(\.value) == sorted.map(\.value), "\(place)")
        var down = PairCollector()
        _ = try engine.scan(reverse: true, &down)
        #expect(down.pairs.map(\.key) == sorted.reversed().map(\.key), "\(place)")
        for _ in 0..<20 {
            let key = Self.randomKey(&generator)
            var some = PairCollector()
            let visited = try engine.scan(from: key.bytes, limit: 5, &some)
            #expect(visited == some.pairs.count)
            let expected = sorted.filter { !$0.key.lexicographicallyPrecedes(key) }.prefix(5)
            #expect(some.pairs.map(\.key) == expected.map(\.key), "\(place)")
        }
    }
}

/// Puts each value in the other's place; a missing one counts as empty.
private struct Swap: PairChange {
    private var seen: (first: [UInt8], second: [UInt8]) = ([], [])
    private var made: (first: [UInt8], second: [UInt8]) = ([], [])

    mutating func seeFirst(_ value: RawSpan) {
        seen.first = unsafe value.withUnsafeBytes { unsafe Array($0) }
    }
    mutating func seeSecond(_ value: RawSpan) {
        seen.second = unsafe value.withUnsafeBytes { unsafe Array($0) }
    }
    mutating func apply() { made = (seen.second, seen.first) }

    var first: RawSpan {
        @_lifetime(borrow self) get { unsafe made.first.span.bytes }
    }

    var second: RawSpan {
        @_lifetime(borrow self) get { unsafe made.second.span.bytes }
    }
}

private struct SnapshotCheck: EngineVisitor {
    let name: EngineName

    func visit<Engine: BenchmarkEngine>(_ type: Engine.Type) throws {
        guard Engine.abilities.hasSnapshots else { return }
        let scratch = try ScratchDirectory()
        let engine = try Engine.create(in: scratch.path, options: .small(name))
        for number in UInt8(0)..<100 { try engine.put([number].bytes, [1, number].bytes) }
        let view = try engine.snapshot()
        for number in UInt8(50)..<150 { try engine.put([number].bytes, [2, number].bytes) }
        for number in UInt8(0)..<20 { _ = try engine.delete([number].bytes) }
        var old = PairCollector()
        #expect(try view.scan(&old) == 100)
        #expect(old.pairs.map(\.value) == (UInt8(0)..<100).map { [1, $0] }, "\(name)")
        try view.release()
        var new = PairCollector()
        #expect(try engine.scan(reverse: false, &new) == 130)
        #expect(new.pairs.first?.value == [1, 20], "\(name)")
        #expect(new.pairs.last?.value == [2, 149], "\(name)")
        try engine.close()
    }
}
