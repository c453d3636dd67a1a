internal import PmemStoreTesting

/// Keys of one shape, as many as a test wants, each different from all others and ascending with its number.
enum KeyFamily: CustomStringConvertible, Sendable {
    /// Four bytes behind a common prefix.
    case prefixed(Int)
    /// `user0000000123`.
    case decimal
    /// Each key is a prefix of the next, from the empty key on.
    case nested
    /// Groups of a letter pair with 0, 1, 2, ... zero bytes behind it.
    case trailingZeros
    /// Groups that share their first eight bytes, and groups of those that share sixteen.
    case tiedHeads
    /// Up to 256 keys that differ in their last byte, behind 32 KiB.
    case lastByte
    /// Keys of the greatest length, which differ at their start, in the middle or at the end.
    case longest

    static let small: [KeyFamily] =
        [0, 7, 8, 9, 64, 65, 200].map { .prefixed($0) } + [
            .decimal, .nested, .trailingZeros, .tiedHeads,
        ]

    var description: String {
        if case .prefixed(let count) = self { return "prefix of \(count)" }
        return switch self {
        case .prefixed, .decimal: "decimal"
        case .nested: "nested"
        case .trailingZeros: "trailing zeros"
        case .tiedHeads: "tied heads"
        case .lastByte: "last byte"
        case .longest: "longest"
        }
    }

    func keys(_ count: Int) -> [[UInt8]] { (0..<count).map { key($0) } }

    private func key(_ number: Int) -> [UInt8] {
        switch self {
        case .prefixed(let count): [UInt8](repeating: 0x70, count: count) + Self.word(number)
        case .decimal: Array("user".utf8) + Self.digits(number, count: 10)
        case .nested: [UInt8](repeating: 0x61, count: number)
        case .trailingZeros: Self.digits(number / 7, count: 4) + [UInt8](repeating: 0, count: number % 7)
        case .tiedHeads:
            Self.digits(number / 900, count: 8) + Self.digits(number / 70, count: 8) + Self.word(number)
        case .lastByte: [UInt8](repeating: 0x62, count: 32_768) + [UInt8(number)]
        case .longest: longest(number)
        }
    }

    private func longest(_ number: Int) -> [UInt8] {
        var key = [UInt8](repeating: 0x63, count: 65_535)
        key[0] = UInt8(number / 64)
        key[30_000] = UInt8(number / 8 % 8)
        key[65_534] = UInt8(number % 8)
        return key
    }

    private static func word(_ number: Int) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
    }

    private static func digits(_ number: Int, count: Int) -> [UInt8] {
        let digits = Array(String(number).utf8)
        return [UInt8](repeating: 0x30, count: count - digits.count) + digits
    }
}

/// The order in which a test takes its keys.
enum KeyOrder: String, CaseIterable, Sendable {
    case ascending, descending, random, interleaved, inward

    func apply(_ keys: [[UInt8]]) -> [[UInt8]] {
        let half = keys.count / 2
        switch self {
        case .ascending: return keys
        case .descending: return keys.reversed()
        case .random:
            var generator = SeededGenerator(seed: UInt64(keys.count))
            return keys.shuffled(using: &generator)
        case .interleaved:
            return (0..<keys.count).map { keys[$0 % 2 == 0 ? $0 / 2 : half + $0 / 2 + keys.count % 2] }
        case .inward:
            return (0..<keys.count).map { keys[$0 % 2 == 0 ? $0 / 2 : keys.count - 1 - $0 / 2] }
        }
    }
}

/// Every order of `count` things, as lists of their numbers.
func permutations(_ count: Int) -> [[Int]] {
    if count == 0 { return [[]] }
    return permutations(count - 1).flatMap { order in
        (0...order.count).map { place in
            var longer = order
            longer.insert(count - 1, at: place)
            return longer
        }
    }
}
