import ArgumentParser
import Testing

@testable import pmembench

/// What no get can be faster than is measured by reads that cannot overlap: one circle through all lines.
@Suite struct ReadChainTests {
    @Test(arguments: [64, 128, 4096, 1 << 20]) func everyLineComesOnce(byteCount: Int) throws {
        let chain = try ReadChain(byteCount: byteCount, seed: 7)
        let count = chain.lines
        var seen: Set<Int> = []
        var line = 0
        for _ in 0..<count {
            seen.insert(line)
            line = chain.follow(1, from: line)
        }
        #expect(line == 0 && seen.count == count && count == byteCount / 64)
        let end = chain.follow(count)
        #expect(end == 0)
    }

    @Test func theOrderIsOfTheSeed() throws {
        func path(_ seed: UInt64) throws -> [Int] {
            let chain = try ReadChain(byteCount: 1 << 16, seed: seed)
            return (1...32).map { chain.follow($0) }
        }
        #expect(try path(1) == path(1))
        #expect(try path(1) != path(2))
        // No line leads to its neighbour often: a processor that fetches ahead has nothing to guess by.
        let steps = try path(3)
        #expect(zip(steps, steps.dropFirst()).count { abs($0 - $1) == 1 } < 4)
    }

    @Test func roundsAreTimed() throws {
        let chain = try ReadChain(byteCount: 1 << 16)
        let time = try chain.measure(reads: 1000, rounds: 3)
        #expect(time.least > 0 && time.median >= time.least)
    }

    @Test func memoryThatIsNotThereIsAnError() {
        #expect(throws: BenchmarkFailure.self) { _ = try ReadChain(byteCount: 1 << 46) }
    }

    @Test(arguments: ["0", "1,x", "70000", ""]) func wrongSizesAreRefused(sizes: String) throws {
        #expect(throws: (any Error).self) {
            var command = try Pmembench.parseAsRoot(["readchain", "--mebibytes", sizes, "--reads", "1"])
            try command.run()
        }
    }
}
