internal import CPmem
internal import PmemStoreTesting
import Testing

/// The search of a node's heads, in each way that this processor has.
@Suite("Format: search of heads")
struct HeadSearchTests {
    enum Search: CaseIterable {
        case chosen, portable, avx2

        func callAsFunction(_ words: UnsafePointer<UInt64>, _ count: Int, below bound: UInt64) -> UInt64 {
            #if arch(x86_64)
                if self == .avx2, cpm_has_avx2() != 0 {
                    return unsafe cpm_count_below_avx2(words, UInt64(count), bound)
                }
            #endif
            return self == .portable
                ? unsafe cpm_count_below_portable(words, UInt64(count), bound)
                : unsafe cpm_count_below(words, UInt64(count), bound)
        }
    }

    @Test(
        "Any number of heads, among them the greatest and equal ones, at any alignment",
        arguments: Search.allCases)
    func allCounts(search: Search) {
        var generator = SeededGenerator(seed: 1)
        for count in 0...60 {
            for spread in [UInt64(4), 1 << 33, .max] {
                var heads = (0..<count).map { _ in generator.next() % spread }.sorted()
                if count > 2, spread == .max { heads[count - 1] = .max }
                // What lies behind the last head must not count.
                let words = [7] + heads + [UInt64](repeating: 0, count: 9)
                for bound in heads + heads.map({ $0 &+ 1 }) + [0, 1, .max, 1 << 63] {
                    let found = unsafe words.withUnsafeBufferPointer { words in
                        unsafe search(words.baseAddress.unsafelyUnwrapped + 1, count, below: bound)
                    }
                    #expect(found == UInt64(heads.count { $0 < bound }))
                }
            }
        }
    }
}
