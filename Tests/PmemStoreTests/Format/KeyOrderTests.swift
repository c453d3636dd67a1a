import Testing

@testable internal import PmemStore

@Suite("Format: order of keys and heads")
struct KeyOrderTests {
    /// All keys of up to three letters, and some around the length of a head.
    private static let keys: [[UInt8]] = {
        let letters: [UInt8] = [0, 1, 0x7f, 0x80, 0xff]
        var keys: [[UInt8]] = [[]]
        var last = keys
        for _ in 0..<3 {
            last = last.flatMap { key in letters.map { key + [$0] } }
            keys += last
        }
        for length in 6...10 {
            for letter in letters { keys.append([UInt8](repeating: letter, count: length)) }
            keys.append([UInt8](repeating: 1, count: length - 1) + [0])
        }
        return keys
    }()

    private static func compare(_ left: [UInt8], _ right: [UInt8]) -> Int {
        unsafe left.withUnsafeBytes { left in
            unsafe right.withUnsafeBytes { right in unsafe compareKeys(left, right).signum() }
        }
    }

    private static func head(_ key: [UInt8], after prefix: Int) -> UInt64 {
        unsafe key.withUnsafeBytes { unsafe keyHead($0, after: prefix) }
    }

    @Test("Keys order bytewise, a prefix first")
    func order() {
        for left in Self.keys {
            for right in Self.keys {
                let expected =
                    left == right ? 0 : left.lexicographicallyPrecedes(right) ? -1 : 1
                #expect(Self.compare(left, right) == expected)
            }
        }
    }

    @Test("Heads never contradict the order, and differ where 8 bytes do")
    func heads() {
        for left in Self.keys {
            for right in Self.keys {
                let (a, b) = (Self.head(left, after: 0), Self.head(right, after: 0))
                if a < b { #expect(Self.compare(left, right) < 0) }
                if a > b { #expect(Self.compare(left, right) > 0) }
            }
        }
    }

    @Test("A head behind a prefix is the head of the rest")
    func headBehindPrefix() {
        for key in Self.keys {
            for prefix in 0...key.count {
                #expect(Self.head(key, after: prefix) == Self.head(Array(key[prefix...]), after: 0))
            }
        }
        #expect(Self.head([1, 2], after: 0) == 0x0102_0000_0000_0000)
        #expect(Self.head([1, 2], after: 3) == 0)
    }

    @Test("The shared prefix is the longest one, within its limit")
    func shared() {
        for left in Self.keys {
            for right in Self.keys {
                let length = unsafe left.withUnsafeBytes { left in
                    unsafe right.withUnsafeBytes { unsafe sharedPrefix(left, $0) }
                }
                #expect(left[..<length] == right[..<length])
                if length < min(left.count, right.count) { #expect(left[length] != right[length]) }
            }
        }
    }
}
