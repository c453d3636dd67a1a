internal import CPmem
import Testing

@testable internal import PmemStore

/// A leaf that takes another's place in its parent: who sees which of the two.
@Suite("Tree: a leaf in another's place")
struct LeafPlacementTests {
    private static let count = 300

    /// A tree of two levels, all of it born at commit 1.
    private func bench() throws -> TreeBench {
        let bench = TreeBench(byteCount: 16 << 20)
        // In an order that leaves room in the leaves.
        for number in 0..<Self.count { try bench.put(Self.key(2 * (number * 137 % Self.count))) }
        bench.commit()
        return bench
    }

    private static func key(_ number: Int) -> [UInt8] {
        [UInt8(number >> 8), UInt8(number & 255)] + [UInt8](repeating: 7, count: 14)
    }

    @Test("The root stays; a reader of the commit before sees what it was, one of the new commit what it is")
    func update() throws {
        let bench = try bench()
        let before = (bench.tree, bench.model.map(\.reference))
        try bench.placing(commit: 2) { try bench.put(Self.key(300)) }
        #expect(bench.tree.root == before.0.root)
        #expect(try bench.read(bench.tree, at: 1) == before.1)
        #expect(try bench.read(bench.tree, at: 2) == bench.model.map(\.reference))
        #expect(before.1 != bench.model.map(\.reference))
        bench.commit()
        try bench.check()
        try bench.checkPool()
    }

    @Test("A reader of the commit before never looks at the new record, which no fence has covered")
    func unwrittenRecord() throws {
        let bench = try bench()
        let before = bench.model.map(\.reference)
        let record = bench.makeUnwrittenRecord()
        try bench.placing(commit: 2) { try bench.put(Self.key(300), record) }
        #expect(try bench.read(bench.tree, at: 1) == before)
    }

    @Test("An added pair is counted by readers of the new commit, and not by those of the one before")
    func insertion() throws {
        let bench = try bench()
        let before = (bench.tree, bench.model.map(\.reference))
        for commit in UInt64(2)..<9 {
            let old = bench.model.map(\.reference)
            try bench.placing(commit: commit) { try bench.put(Self.key(80 * Int(commit) - 77)) }
            #expect(bench.tree.root == before.0.root)
            #expect(try bench.read(bench.tree, at: commit - 1) == old)
            #expect(try bench.read(bench.tree, at: commit) == bench.model.map(\.reference))
            bench.commit()
        }
        #expect(bench.tree.pairs == before.0.pairs + 7)
        try bench.check()
        try bench.checkPool()
    }

    @Test("Again and again in one leaf: one step back leads to the commit before, whatever was there earlier")
    func chain() throws {
        let bench = try bench()
        for commit in UInt64(2)..<60 {
            let old = bench.model.map(\.reference)
            try bench.placing(commit: commit) { try bench.put(Self.key(300)) }
            #expect(try bench.read(bench.tree, at: commit - 1) == old)
            bench.commit()
        }
        try bench.check()
        try bench.checkPool()
    }

    @Test(
        "What an old pin reaches is copied: its root leads to what it was, without a look at any birth")
    func pinned() throws {
        let bench = try bench()
        let before = (bench.tree, bench.model.map(\.reference))
        try bench.placing(commit: 2, newestPin: 1, oldPin: 1) { try bench.put(Self.key(300)) }
        #expect(bench.tree.root != before.0.root)
        #expect(try bench.read(before.0, at: .max) == before.1)
    }

    @Test(
        "Readers of the last commits are led back, each to its own leaf, whatever else was placed or changed")
    func led() throws {
        let bench = try bench()
        var versions = [bench.model.map(\.reference)]
        for commit in UInt64(2)..<18 {
            // Every commit before is pinned, but for two, behind which a reference may change where it is.
            let pin = commit == 9 || commit == 13 ? 0 : commit - 1
            try bench.placing(commit: commit, newestPin: pin) {
                try bench.put(Self.key(300 + 2 * Int(commit % 3)))
            }
            if pin == 0 { versions = versions.map { _ in [] } }
            versions.append(bench.model.map(\.reference))
            for (index, version) in versions.enumerated() where !version.isEmpty {
                #expect(try bench.read(bench.tree, at: UInt64(index) + 1) == version)
            }
            bench.keepReplaced()
        }
        #expect(bench.tree.pairs == UInt64(Self.count))
    }

    @Test("A pair that is added where a reader looks is counted in a copy")
    func pinnedInsertion() throws {
        let bench = try bench()
        let before = (bench.tree, bench.model.map(\.reference))
        try bench.placing(commit: 2, newestPin: 1) { try bench.put(Self.key(301)) }
        #expect(bench.tree.root != before.0.root)
        #expect(try bench.read(before.0, at: .max) == before.1)
    }

    @Test("A parent that a checkpoint has saved is copied, or the change would not reach the medium")
    func saved() throws {
        let bench = try bench()
        let root = bench.tree.root
        unsafe try bench.leaf(of: Self.key(300)).header.pointee.place = 1 << 20
        unsafe try bench.parent(of: Self.key(300)).header.pointee.place = 2 << 20
        try bench.placing(commit: 2) { try bench.put(Self.key(300)) }
        #expect(bench.tree.root != root)
    }

    @Test("A leaf that a checkpoint has saved is copied, and the copy placed; what follows changes the copy")
    func savedLeaf() throws {
        let bench = try bench()
        let root = bench.tree.root
        let before = bench.model.map(\.reference)
        let leaf = try bench.leaf(of: Self.key(300))
        unsafe leaf.header.pointee.place = 1 << 20
        try bench.placing(commit: 2) { try bench.put(Self.key(300)) }
        #expect(bench.tree.root == root)
        let copy = try bench.leaf(of: Self.key(300))
        #expect(copy != leaf)
        #expect(copy.isPlaced)
        #expect(try bench.read(bench.tree, at: 1) == before)
        bench.commit()

        let then = bench.model.map(\.reference)
        try bench.placing(commit: 3) { try bench.put(Self.key(302)) }
        #expect(try bench.leaf(of: Self.key(300)) == copy)
        #expect(try bench.read(bench.tree, at: 2) == then)
        #expect(try bench.read(bench.tree, at: 3) == bench.model.map(\.reference))
        bench.commit()
        try bench.check()
        try bench.checkPool()
    }

    @Test("A split copies the way, and the tree before is whole")
    func split() throws {
        let bench = try bench()
        var commit: UInt64 = 2
        var root = bench.tree.root
        while bench.tree.root == root {
            #expect(commit < 60)
            let before = (bench.tree, bench.model.map(\.reference))
            root = bench.tree.root
            try bench.placing(commit: commit) { try bench.put(Self.key(2 * Int(commit) + 201)) }
            #expect(try bench.read(before.0, at: commit - 1) == before.1)
            bench.commit()
            commit += 1
        }
        try bench.check()
        try bench.checkPool()
    }

    @Test("A commit that fails takes leaf and count back")
    func failure() throws {
        let bench = try bench()
        let before = bench.model.map(\.reference)
        try bench.failing { try bench.placing(commit: 2) { try bench.put(Self.key(301)) } }
        try bench.failing { try bench.placing(commit: 2) { try bench.put(Self.key(300)) } }
        try bench.check()
        #expect(try bench.read(bench.tree, at: 1) == before)
        try bench.placing(commit: 2) { try bench.put(Self.key(303)) }
        bench.commit()
        try bench.check()
    }

    @Test("A copy of a placed leaf, and of a root that has stayed, is as if nothing had been placed")
    func copies() throws {
        let bench = try bench()
        try bench.placing(commit: 2) { try bench.put(Self.key(301)) }
        bench.commit()
        try bench.put(Self.key(303))
        #expect(try bench.read(bench.tree, at: 1) == bench.model.map(\.reference))
        bench.commit()
        try bench.check()
        try bench.checkPool()
    }
}
