internal import PmemStoreTesting
import Testing

@testable internal import PmemStore

/// Does the same to a store and to its model, at random, and compares.
struct ModelDriver {
    private let fixture: StoreFixture
    private var random: SeededGenerator
    private var model = StoreModel()
    /// Snapshots that are open, each with what it must see for ever.
    private var snapshots: [(snapshot: Snapshot, model: StoreModel)] = []
    private var valueNumber = 0

    init(seed: UInt64) throws {
        random = SeededGenerator(seed: seed)
        fixture = try StoreFixture { options in
            options.initialBytes = 8 << 20
            options.logBytes = 64 << 10
            options.recoveryTimeTargetNanoseconds = 1_000_000
        }
    }

    mutating func run(steps: Int) throws {
        for _ in 0..<steps { try step() }
        snapshots = []
        try fixture.reopen()
        try compareAll()
        try SpaceAudit.run(fixture.store)
        try fixture.store.close()
    }

    private mutating func step() throws {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<60: try write()
        case 60..<80: try read()
        case 80..<88: try takeOrDropSnapshot()
        case 88..<93: try fixture.store.checkpoint()
        case 93..<95: try compareAll()
        default: try reopen()
        }
    }

    // MARK: Writing

    private mutating func write() throws {
        var next = model
        let fails = random.oneIn(8)
        do {
            try fixture.store.write { tx in
                try change(&tx, &next, depth: 0)
                if fails { throw Deliberate() }
            }
            try #require(!fails)
            model = next
        } catch is Deliberate {
            try #require(fails)
        }
    }

    private mutating func change(_ tx: inout WriteTransaction, _ model: inout StoreModel, depth: Int) throws {
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            if depth < 3, random.oneIn(6) { try savepoint(&tx, &model, depth: depth) }
            try operate(&tx, &model)
        }
    }

    private mutating func savepoint(
        _ tx: inout WriteTransaction, _ model: inout StoreModel, depth: Int
    ) throws {
        var next = model
        let fails = random.oneIn(2)
        do {
            try tx.savepoint { inner in
                try change(&inner, &next, depth: depth + 1)
                if fails { throw Deliberate() }
            }
            model = next
        } catch is Deliberate {
            try #require(fails)
            if random.oneIn(3) { try #require(try tx.everything() == model) }
        }
    }

    private mutating func operate(_ tx: inout WriteTransaction, _ model: inout StoreModel) throws {
        let name = model.tables.keys.sorted().randomElement(using: &random) ?? StoreModel.main
        let table = try tx.modelTable(name)
        let key = randomKey()
        let before = model.tables[name]?[key]
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<7:
            let value = randomValue()
            try tx.put(value, forKey: key, in: table)
            model.tables[name]?[key] = value
        case 7, 8:
            try #require(try tx.delete(key, in: table) == (before != nil))
            model.tables[name]?[key] = nil
        case 9:
            let value = randomValue()
            try #require(try tx.putIfAbsent(value, forKey: key, in: table) == (before == nil))
            model.tables[name]?[key] = before ?? value
        case 10, 11: try swap(&tx, &model, name, key)
        case 12:
            try #require(try tx.getAndDelete(key, in: table) == before)
            model.tables[name]?[key] = nil
        case 13: try deleteRange(&tx, &model, name)
        case 14: try construct(&tx, &model, name, key)
        case 15: try changeTables(&tx, &model)
        case 16: try load(&tx, &model, name)
        default: try look(tx, model)
        }
    }

    private mutating func swap(
        _ tx: inout WriteTransaction, _ model: inout StoreModel, _ name: String, _ key: [UInt8]
    ) throws {
        let before = model.tables[name]?[key]
        let expected = random.oneIn(2) ? before : randomValue()
        let value = randomValue()
        let table = try tx.modelTable(name)
        let isSwapped = try tx.compareAndSwap(expected: expected, new: value, forKey: key, in: table)
        try #require(isSwapped == (expected == before))
        if isSwapped { model.tables[name]?[key] = value }
    }

    private mutating func deleteRange(
        _ tx: inout WriteTransaction, _ model: inout StoreModel, _ name: String
    ) throws {
        let (lower, upper) = randomBounds()
        let gone = model.pairs(in: name, from: lower, to: upper)
        let count = try tx.deleteRange(from: lower, to: upper, in: try tx.modelTable(name))
        try #require(count == gone.count)
        for pair in gone { model.tables[name]?[pair.key] = nil }
    }

    private mutating func construct(
        _ tx: inout WriteTransaction, _ model: inout StoreModel, _ name: String, _ key: [UInt8]
    ) throws {
        let value = randomValue()
        let room = value.count + (random.oneIn(2) ? 0 : Int.random(in: 1...70_000, using: &random))
        let fails = random.oneIn(4)
        do {
            let table = try tx.modelTable(name)
            try tx.put(byteCount: room, forKey: key, in: table) { span in
                if fails { throw Deliberate() }
                for byte in value { span.append(byte) }
            }
            model.tables[name]?[key] = value
        } catch is Deliberate {
            try #require(fails)
        }
    }

    private mutating func changeTables(_ tx: inout WriteTransaction, _ model: inout StoreModel) throws {
        let name = "table \(Int.random(in: 0..<4, using: &random))"
        if model.tables[name] == nil {
            _ = try tx.createTable(name)
            model.tables[name] = [:]
        } else if random.oneIn(2) {
            try tx.dropTable(name)
            model.tables[name] = nil
        }
    }

    private mutating func load(
        _ tx: inout WriteTransaction, _ model: inout StoreModel, _ name: String
    ) throws {
        let last = model.pairs(in: name).last?.key ?? []
        if last.count > 200 { return }
        let pairs = (1...5).map { number in
            (key: last + [UInt8(number)], value: [UInt8](pattern: number, count: number * 11))
        }
        try tx.load(sorted: pairs, in: try tx.modelTable(name))
        for pair in pairs { model.tables[name]?[pair.key] = pair.value }
    }

    // MARK: Reading

    private mutating func read() throws {
        if let old = snapshots.randomElement(using: &random), random.oneIn(3) {
            try old.snapshot.read { tx in try look(tx, old.model) }
            try #require(Array(old.snapshot.pairs()) == old.model.pairs(in: StoreModel.main))
        } else {
            try fixture.store.read { tx in
                try look(tx, model)
                try walk(tx.cursor())
            }
        }
    }

    private mutating func look<T: ReadableTransaction & ~Copyable & ~Escapable>(
        _ tx: borrowing T, _ model: StoreModel
    ) throws {
        let name = model.tables.keys.sorted().randomElement(using: &random) ?? StoreModel.main
        let table = try tx.modelTable(name)
        let key = randomKey()
        let value = model.tables[name]?[key]
        try #require(try tx.get(key, in: table) == value)
        try #require(try tx.contains(key, in: table) == (value != nil))
        try #require(try tx.withValue(forKey: key, in: table) { $0.byteCount } == value?.count)
        try #require(try tx.count(in: table) == model.tables[name]?.count)
        let all = model.pairs(in: name)
        try #require(try tx.first(in: table) == all.first)
        try #require(try tx.last(in: table) == all.last)
        let (lower, upper) = randomBounds()
        let range = model.pairs(in: name, from: lower, to: upper)
        try #require(try tx.list(name, from: lower, to: upper, reversed: false) == range)
        try #require(try tx.list(name, from: lower, to: upper, reversed: true) == range.reversed())
        let keys = (0..<20).map { _ in randomKey() }
        try #require(try tx.multiGet(keys, in: table) == keys.map { model.tables[name]?[$0] })
        try #require(try tx.tableNames() == model.names)
    }

    /// Moves a cursor to and fro beside an index into the sorted pairs of the main table.
    private mutating func walk(_ cursor: consuming Cursor) throws {
        let all = model.pairs(in: StoreModel.main)
        for _ in 0..<12 {
            let key = randomKey()
            let place = all.firstIndex { !$0.key.lexicographicallyPrecedes(key) } ?? all.count
            var index = place
            if random.oneIn(2) {
                try #require(try cursor.seek(to: key) == (place < all.count))
            } else {
                index -= 1
                try #require(try cursor.seek(before: key) == (index >= 0))
            }
            while all.indices.contains(index), !random.oneIn(5) {
                try #require(cursor.key.array == all[index].key)
                try #require(try cursor.value.array == all[index].value)
                let isForward = random.oneIn(2)
                index += isForward ? 1 : -1
                let isThere = try isForward ? cursor.next() : cursor.previous()
                try #require(isThere == all.indices.contains(index))
            }
        }
    }

    private func compareAll() throws {
        let found = try fixture.store.read { tx in try tx.everything() }
        try #require(found == model)
        for old in snapshots {
            let seen = try old.snapshot.read { tx in try tx.everything() }
            try #require(seen == old.model)
        }
    }

    // MARK: The store's life

    private mutating func takeOrDropSnapshot() throws {
        if snapshots.count > 4 || (!snapshots.isEmpty && random.oneIn(3)) {
            snapshots.remove(at: Int.random(in: 0..<snapshots.count, using: &random))
        } else {
            snapshots.append((try fixture.store.snapshot(), model))
        }
    }

    private mutating func reopen() throws {
        if !random.oneIn(3) { return }
        snapshots = []
        switch Int.random(in: 0..<3, using: &random) {
        case 0: try fixture.reopen()
        case 1: try fixture.reopenWithoutClosing()
        default: try fixture.reopenAsIfKilled()
        }
        try compareAll()
        if fixture.store.openReport.replayedOperations == 0 { try SpaceAudit.run(fixture.store) }
    }

    // MARK: Random things

    /// Few keys, so that they meet; some share long prefixes, some are prefixes of others.
    private mutating func randomKey() -> [UInt8] {
        let number = Int.random(in: 0..<40, using: &random)
        switch Int.random(in: 0..<8, using: &random) {
        case 0: return [UInt8](repeating: 0x61, count: number)
        case 1: return [UInt8](repeating: 0x70, count: 70) + [UInt8(number)]
        case 2: return [UInt8](text: "key") + [UInt8](repeating: 0, count: number % 4)
        default: return [UInt8](text: "key \(number)")
        }
    }

    private mutating func randomBounds() -> ([UInt8]?, [UInt8]?) {
        (random.oneIn(4) ? nil : randomKey(), random.oneIn(4) ? nil : randomKey())
    }

    private mutating func randomValue() -> [UInt8] {
        valueNumber += 1
        let limit =
            switch Int.random(in: 0..<300, using: &random) {
            case 0: 5 << 20
            case 1..<6: 200 << 10
            case 6..<12: 33_000
            case 12..<60: 3000
            default: 120
            }
        return [UInt8](pattern: valueNumber, count: Int.random(in: 0...limit, using: &random))
    }
}
