internal import Glibc

/// Random numbers that a test can ask for again: SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }

    /// True once in `count` times.
    mutating func once(in count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }

    /// True in one of `count` cases.
    mutating func oneIn(_ count: Int) -> Bool { once(in: count) }
}

/// The seeds that random tests run with.
enum Seeds {
    /// `PMEMSTORE_SEED` alone when it is set, else the given ones and one that is new in every run.
    static func chosen(_ fixed: UInt64...) -> [UInt64] {
        if let word = unsafe getenv("PMEMSTORE_SEED"), let seed = UInt64(unsafe String(cString: word)) {
            return [seed]
        }
        return fixed + [UInt64(truncatingIfNeeded: time(nil))]
    }
}

/// How the random tests of this process are run.
enum TestPlan {
    /// `PMEMSTORE_SEED` repeats a failure: the only seed of every random test.
    static func seeds(_ usual: [UInt64]) -> [UInt64] {
        number("PMEMSTORE_SEED").map { [$0] }
            ?? (0..<UInt64(scale)).flatMap { lap in usual.map { $0 + 1000 * lap } }
    }

    /// `PMEMSTORE_SCALE` multiplies how much the random tests do.
    static let scale = Int(number("PMEMSTORE_SCALE") ?? 1)

    private static func number(_ name: String) -> UInt64? {
        guard let text = unsafe getenv(name) else { return nil }
        return unsafe UInt64(String(cString: text))
    }
}
