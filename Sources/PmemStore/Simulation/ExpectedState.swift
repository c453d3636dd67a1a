internal import Glibc

/// What a store should hold after a commit, laid out for fast comparison: pairs of each table in key order.
@safe package final class ExpectedState: @unchecked Sendable {
    struct Pair {
        let keyStart: Int
        let keyBytes: Int
        let valueStart: Int
        let valueBytes: Int
    }

    struct TableRange {
        let number: UInt32
        let first: Int
        let count: Int
    }

    package let commit: UInt64
    /// Tables with pairs, ascending.
    let tables: [TableRange]
    let pairs: UnsafeMutablePointer<Pair>
    let bytes: UnsafeMutablePointer<UInt8>
    package let pairCount: Int

    package typealias Contents = [(table: UInt32, pairs: [(key: [UInt8], value: [UInt8])])]

    /// - Parameter contents: tables in ascending order, empty ones left out or not.
    package init(commit: UInt64, _ contents: Contents) {
        self.commit = commit
        pairCount = contents.reduce(0) { $0 + $1.pairs.count }
        let byteCount = contents.reduce(0) { $1.pairs.reduce($0) { $0 + $1.key.count + $1.value.count } }
        unsafe pairs = .allocate(capacity: max(pairCount, 1))
        unsafe bytes = .allocate(capacity: max(byteCount, 1))
        var ranges: [TableRange] = []
        var (pair, place) = (0, 0)
        for (table, entries) in contents where !entries.isEmpty {
            ranges.append(TableRange(number: table, first: pair, count: entries.count))
            for (key, value) in entries {
                unsafe pairs[pair] = Pair(
                    keyStart: place, keyBytes: key.count, valueStart: place + key.count,
                    valueBytes: value.count)
                for byte in key + value {
                    unsafe bytes[place] = byte
                    place += 1
                }
                pair += 1
            }
        }
        tables = ranges
    }

    deinit {
        unsafe pairs.deallocate()
        unsafe bytes.deallocate()
    }

    func key(_ index: Int) -> KeyBytes {
        unsafe KeyBytes(start: bytes + pairs[index].keyStart, count: pairs[index].keyBytes)
    }

    @inline(__always)
    func isKey(_ index: Int, _ key: KeyBytes) -> Bool {
        let pair = unsafe pairs[index]
        if key.count != pair.keyBytes { return false }
        guard let start = key.baseAddress, key.count > 0 else { return true }
        return unsafe memcmp(bytes + pair.keyStart, start, key.count) == 0
    }

    @inline(__always)
    func isValue(_ index: Int, _ value: UnsafeRawBufferPointer) -> Bool {
        let pair = unsafe pairs[index]
        if value.count != pair.valueBytes { return false }
        guard let start = value.baseAddress, value.count > 0 else { return true }
        return unsafe memcmp(bytes + pair.valueStart, start, value.count) == 0
    }
}
