import Testing

@testable import pmembench

@Suite struct ZipfianTests {
    @Test func ranksFollowZipfsLaw() {
        let ranks = ZipfianRanks(count: 1000)
        var generator = SeededGenerator(seed: 1)
        var counts = [Int](repeating: 0, count: 1000)
        let draws = 200_000
        for _ in 0..<draws { counts[Int(ranks.rank(generator.unitInterval()))] += 1 }
        let head = Double(counts[0]) / Double(draws)
        #expect(abs(head - ranks.headProbability) < 0.005)
        // Rank 1 is asked for 2^0.99 times less often than rank 0.
        #expect(abs(Double(counts[0]) / Double(counts[1]) - 1.986) < 0.1)
        #expect(counts[0] > counts[10] && counts[10] > counts[900])
    }

    @Test func scrambledNumbersStayInBounds() {
        let ranks = ZipfianRanks(count: 77)
        var numbers = ScrambledZipfianNumbers(ranks: ranks, count: 77, seed: 3)
        var seen: Set<UInt64> = []
        for _ in 0..<20_000 { seen.insert(numbers.next()) }
        #expect(seen.allSatisfy { $0 < 77 })
        #expect(seen.count > 35)
    }

    @Test func oneKeyIsEnough() {
        let ranks = ZipfianRanks(count: 1)
        for uniform in [0.0, 0.3, 0.999] { #expect(ranks.rank(uniform) == 0) }
    }
}
