@testable internal import PmemStore

extension RawSpan {
    /// A copy of the bytes.
    var array: [UInt8] { unsafe withUnsafeBytes { unsafe [UInt8]($0) } }
}

extension [UInt8] {
    /// A string's bytes.
    init(text: String) { self = Array(text.utf8) }

    /// `count` bytes that depend on `number`, so that no two values of a test are alike.
    init(pattern number: Int, count: Int) {
        self.init(repeating: UInt8(truncatingIfNeeded: number &* 31 &+ 7), count: count)
        for index in 0..<Swift.min(8, count) {
            self[index] = UInt8(truncatingIfNeeded: number >> (8 * index))
        }
    }
}

/// Thrown by tests that want a closure to fail.
struct Deliberate: Error, Equatable {}
