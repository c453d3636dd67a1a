internal import PmemStoreTesting
import Testing

@testable internal import PmemStore

@Suite("Tree: shapes of keys, orders and sizes")
struct TreeShapeTests {
    /// Around one, two and five leaves, and several levels.
    private static let sizes = [1, 55, 56, 57, 58, 84, 140, 600]

    @Test("Trees equal a sorted array", arguments: KeyFamily.small, KeyOrder.allCases)
    func small(family: KeyFamily, order: KeyOrder) throws {
        let bench = TreeBench(byteCount: 16 << 20)
        for (round, size) in Self.sizes.enumerated() {
            let keys = family.keys(size)
            let out = KeyOrder.allCases[(round + order.rawValue.count) % KeyOrder.allCases.count]
            try run(bench, keys, order, out, checks: 4)
        }
    }

    @Test("Every order in, every order out", arguments: KeyOrder.allCases, KeyOrder.allCases)
    func orders(order: KeyOrder, out: KeyOrder) throws {
        try run(TreeBench(byteCount: 16 << 20), KeyFamily.decimal.keys(400), order, out, checks: 4)
    }

    @Test("Several levels", arguments: [KeyOrder.ascending, .descending, .random])
    func deep(order: KeyOrder) throws {
        try run(TreeBench(), KeyFamily.tiedHeads.keys(4000), order, .random, checks: 2)
    }

    @Test("Keys that differ behind 32 KiB", arguments: [KeyOrder.ascending, .random])
    func lastByte(order: KeyOrder) throws {
        try run(TreeBench(), KeyFamily.lastByte.keys(120), order, .inward, checks: 1)
    }

    @Test("Keys of 65 535 bytes", arguments: [KeyOrder.descending, .random])
    func longest(order: KeyOrder) throws {
        try run(TreeBench(), KeyFamily.longest.keys(120), order, .random, checks: 1)
    }

    @Test("Long and short keys in one tree")
    func mixed() throws {
        let keys = KeyFamily.longest.keys(30) + KeyFamily.lastByte.keys(60) + KeyFamily.nested.keys(120)
        let sorted = keys.sorted { $0.lexicographicallyPrecedes($1) }
        for order in [KeyOrder.ascending, .random] {
            try run(TreeBench(), sorted, order, .random, checks: 1)
        }
    }

    @Test("A leaf that an appended key begins has the prefix of the one before")
    func appendedPrefix() throws {
        let bench = TreeBench(byteCount: 16 << 20)
        for number in UInt64(0)..<57 {
            try bench.put(unsafe withUnsafeBytes(of: number.bigEndian) { unsafe [UInt8]($0) })
        }
        try bench.check()
        let last = try #require(bench.model.last)
        let leaf = try unsafe last.key.withUnsafeBytes { key in
            try unsafe #require(try bench.space.leaf(for: key, root: bench.tree.reference))
        }
        #expect(leaf.count == 1)
        #expect(leaf.prefixBytes == 7)
    }

    @Test("Replacing a reference changes nothing else")
    func replacement() throws {
        let bench = TreeBench(byteCount: 16 << 20)
        let keys = KeyFamily.tiedHeads.keys(400)
        for key in keys { try bench.put(key) }
        bench.commit()
        for key in keys { try bench.put(key) }
        try bench.check()
        bench.commit()
        try bench.checkPool()
    }

    @Test("What a rolled back transaction did is gone, whatever it did")
    func rollback() throws {
        let bench = TreeBench(byteCount: 16 << 20)
        let keys = KeyFamily.decimal.keys(900)
        for key in keys[..<600] { try bench.put(key) }
        bench.commit()
        for seed in 0..<3 {
            var generator = SeededGenerator(seed: UInt64(seed))
            try bench.rollingBack {
                for key in keys[600...].shuffled(using: &generator) { try bench.put(key) }
                try bench.rollingBack {
                    for key in keys.shuffled(using: &generator) { try bench.remove(key) }
                    try bench.check()
                }
                try bench.check()
                for key in keys[..<500].shuffled(using: &generator) { try bench.remove(key) }
                try bench.check()
            }
            try bench.check()
            try bench.checkPool()
        }
    }

    /// Inserts all keys in one order and removes them in another; checks `checks` times each way.
    private func run(
        _ bench: TreeBench, _ keys: [[UInt8]], _ order: KeyOrder, _ out: KeyOrder, checks: Int
    ) throws {
        let step = max(1, keys.count / checks)
        for (index, key) in order.apply(keys).enumerated() {
            try bench.put(key)
            if index % step == step - 1 { try inspect(bench, keys) }
        }
        try bench.walk()
        for (index, key) in out.apply(keys).enumerated() {
            try bench.remove(key)
            if index % step == step - 1 { try inspect(bench, keys) }
        }
        #expect(bench.tree.root == 0)
        bench.commit()
        try bench.checkPool()
    }

    private func inspect(_ bench: TreeBench, _ keys: [[UInt8]]) throws {
        try bench.check()
        bench.commit()
        try bench.checkPool()
        for index in stride(from: 0, to: keys.count, by: max(1, keys.count / 25)) {
            for key in neighbours(keys[index]) { try bench.probe(key) }
        }
    }

    /// A key and keys next to it, most of which are nobody's.
    private func neighbours(_ key: [UInt8]) -> [[UInt8]] {
        var around = [key, [], [0xff]]
        if key.count < Record.keyLimit { around.append(key + [0]) }
        guard let last = key.last else { return around }
        around += [key.dropLast(), key.dropLast() + [last &+ 1], key.dropLast() + [last &- 1]]
        around.append(Array(key.prefix(key.count / 2)) + [0x80])
        return around
    }
}
