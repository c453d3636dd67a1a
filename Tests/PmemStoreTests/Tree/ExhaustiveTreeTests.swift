import Testing

@testable internal import PmemStore

@Suite("Tree: exhaustive")
struct ExhaustiveTreeTests {
    private static let sets: [[String]] = [
        ["a", "b", "c", "d", "e"],
        ["", "a", "a\0", "a\0\0", "b"],
        ["12345678", "12345678\0", "123456789", "12345678\0\0", "1234567"],
    ]

    @Test("Five keys in every order of insertion and every order of deletion", arguments: sets)
    func smallTrees(texts: [String]) throws {
        let bench = TreeBench(byteCount: 2 << 20)
        let keys = texts.map { [UInt8](text: $0) }
        let references = keys.map { bench.makeRecord($0) }
        let orders = permutations(5)
        for insertion in orders {
            for index in insertion { try bench.put(keys[index], references[index]) }
            try bench.check()
            for deletion in orders {
                try bench.rollingBack {
                    for index in deletion { try bench.remove(keys[index]) }
                    #expect(bench.tree.root == 0)
                }
            }
            for index in insertion {
                try bench.remove(keys[index])
                try bench.check()
            }
            bench.commit()
        }
        try bench.checkPool()
    }

    /// 54 keys and five more: wherever the leaf splits, the five come from both sides.
    @Test(
        "Five keys around a split in every order, and out again in every order",
        arguments: [KeyFamily.prefixed(0), .prefixed(9), .trailingZeros, .tiedHeads])
    func splits(family: KeyFamily) throws {
        let bench = TreeBench(byteCount: 2 << 20)
        let all = family.keys(59)
        let late = [3, 26, 28, 31, 58]
        for index in 0..<59 where !late.contains(index) { try bench.put(all[index]) }
        bench.commit()
        let references = late.map { bench.makeRecord(all[$0]) }
        for order in permutations(5) {
            try bench.rollingBack {
                for index in order {
                    try bench.put(all[late[index]], references[index])
                    try bench.check()
                }
                for index in order.reversed() { try bench.remove(all[late[index]]) }
                try bench.check()
            }
            try bench.check()
        }
        try bench.checkPool()
    }

    /// Two leaves of 28: they join when enough is gone, whichever five leave last.
    @Test("Five keys out of two sparse leaves in every order: merge and collapse", arguments: KeyFamily.small)
    func merges(family: KeyFamily) throws {
        let bench = TreeBench(byteCount: 2 << 20)
        let all = family.keys(57)
        for key in all { try bench.put(key) }
        let last = [0, 14, 29, 40, 56]
        for index in 0..<57 where index % 3 != 0 && !last.contains(index) { try bench.remove(all[index]) }
        bench.commit()
        for order in permutations(5) {
            try bench.rollingBack {
                for index in order {
                    try bench.remove(all[last[index]])
                    try bench.check()
                }
            }
        }
        for entry in bench.model { try bench.remove(entry.key) }
        try bench.check()
        bench.commit()
        try bench.checkPool()
    }
}
