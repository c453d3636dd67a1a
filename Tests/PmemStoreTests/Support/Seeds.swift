internal import Glibc

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
