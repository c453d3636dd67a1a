package import PmemStore

/// What a store should hold: tables of pairs in key order. A value; old versions stay as they were.
package struct CrashModel {
    package typealias Pair = (key: [UInt8], value: [UInt8])

    package private(set) var tables: [UInt32: [Pair]] = [:]

    package init() {}

    package func pairs(_ table: UInt32) -> [Pair] { tables[table] ?? [] }

    package var pairCount: Int { tables.values.reduce(0) { $0 + $1.count } }

    package func value(_ key: [UInt8], table: UInt32) -> [UInt8]? {
        let pairs = pairs(table)
        let index = Self.lowerBound(key, in: pairs)
        return index < pairs.count && pairs[index].key == key ? pairs[index].value : nil
    }

    package mutating func put(_ value: [UInt8], key: [UInt8], table: UInt32) {
        let index = Self.lowerBound(key, in: tables[table, default: []])
        if index < tables[table, default: []].count, tables[table, default: []][index].key == key {
            tables[table, default: []][index].value = value
        } else {
            tables[table, default: []].insert((key, value), at: index)
        }
    }

    package mutating func delete(_ key: [UInt8], table: UInt32) {
        let index = Self.lowerBound(key, in: pairs(table))
        if index < pairs(table).count, pairs(table)[index].key == key { tables[table]?.remove(at: index) }
    }

    package mutating func deleteRange(low: [UInt8], high: [UInt8]?, table: UInt32) {
        let first = Self.lowerBound(low, in: pairs(table))
        let end = high.map { Self.lowerBound($0, in: pairs(table)) } ?? pairs(table).count
        if first < end { tables[table]?.removeSubrange(first..<end) }
    }

    private static func lowerBound(_ key: [UInt8], in pairs: [Pair]) -> Int {
        var low = 0
        var high = pairs.count
        while low < high {
            let middle = (low + high) / 2
            if pairs[middle].key.lexicographicallyPrecedes(key) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The same, laid out for comparison.
    package func expected(at commit: UInt64) -> ExpectedState {
        ExpectedState(commit: commit, tables.keys.sorted().map { ($0, pairs($0)) })
    }
}
