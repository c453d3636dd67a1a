/// Makes transactions of every kind over few keys, from a seed.
package struct WorkloadGenerator {
    private var random: SeededGenerator
    private let keys: [[UInt8]]
    /// Values beyond the record, in extents of their own, are rare because they are long.
    package var largeValues = 24

    package init(seed: UInt64, keyCount: Int = 24) {
        random = SeededGenerator(seed: seed)
        var keys: [[UInt8]] = [[]]
        for number in 1..<keyCount {
            // Short ones, ones that differ behind the head, and long ones.
            let text = [
                "k\(number)", "a common prefix \(number)",
                "p\(number % 3)" + String(repeating: "x", count: number * 9),
            ]
            keys.append(Array(text[number % 3].utf8))
        }
        self.keys = keys
    }

    private mutating func table() -> UInt32 { random.oneIn(3) ? 2 : 1 }
    private mutating func key() -> [UInt8] { keys[.random(in: 0..<keys.count, using: &random)] }

    private mutating func value() -> [UInt8] {
        let fill = UInt8.random(in: 0...255, using: &random)
        if random.oneIn(largeValues) {
            return Array(repeating: fill, count: 32_769 + .random(in: 0..<3000, using: &random))
        }
        let limit = random.oneIn(6) ? 3000 : 150
        return (0..<Int.random(in: 0..<limit, using: &random)).map { UInt8(truncatingIfNeeded: $0) &+ fill }
    }

    private mutating func operation(nesting: Int) -> ModelOperation {
        switch Int.random(in: 0..<12, using: &random) {
        case 0, 1: return .delete(key(), table: table())
        case 2:
            let bounds = [key(), key()].sorted { $0.lexicographicallyPrecedes($1) }
            return .deleteRange(low: bounds[0], high: random.oneIn(8) ? nil : bounds[1], table: table())
        case 3 where nesting < 2:
            return .savepoint(operations(upTo: 4, nesting: nesting + 1), rollsBack: random.oneIn(2))
        case 4:
            let value = value()
            let spare = random.oneIn(2) ? 0 : Int.random(in: 0..<2000, using: &random)
            return .construct(value, room: value.count + spare, key: key(), table: table())
        default: return .put(value(), key: key(), table: table())
        }
    }

    private mutating func operations(upTo limit: Int, nesting: Int = 0) -> [ModelOperation] {
        (0..<Int.random(in: 1...limit, using: &random)).map { _ in operation(nesting: nesting) }
    }

    package mutating func step() -> ModelStep {
        switch Int.random(in: 0..<20, using: &random) {
        case 0, 1: return .checkpoint
        case 2: return .abort(operations(upTo: 6))
        case 3: return random.oneIn(2) ? .reopen : .kill
        case 4...8: return .commit([.put(value(), key: key(), table: 1)])
        default: return .commit(operations(upTo: 8))
        }
    }

    /// A transaction whose entry takes at least so many bytes of the log, or spills.
    package mutating func filler(entryBytes: Int) -> ModelStep {
        let count = max(1, (entryBytes - 24) / 24)
        let fill = UInt8.random(in: 0...255, using: &random)
        return .commit(
            (0..<count).map { .put([fill, UInt8($0 & 255)], key: Array("filler \($0 % 8)".utf8), table: 3) })
    }
}
