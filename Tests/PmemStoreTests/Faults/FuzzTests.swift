internal import PmemStoreTesting
internal import StoreFuzzing
import Testing

/// A few inputs of chance for the target of `make fuzz`.
@Suite("Faults: fuzzing", .serialized)
struct FuzzTests {
    private static func random(_ seed: UInt64, count: Int) -> [[UInt8]] {
        var random = SeededGenerator(seed: seed)
        return (0..<(count * TestPlan.scale)).map { _ in
            (0..<Int.random(in: 8...200, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random)
            }
        }
    }

    @Test("Streams of operations do to a store what they do to a model")
    func operations() {
        for input in Self.random(37, count: 300) { OperationFuzz.run(input) }
    }
}
