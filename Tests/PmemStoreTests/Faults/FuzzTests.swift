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

    @Test("Images that were once interesting neither trap nor lead out of the store")
    func images() {
        let inputs = Self.corpus("Image")
        #expect(inputs.count > 100)
        for input in inputs { ImageFuzz.run(input) }
    }

    @Test("Nor do images of chance")
    func randomImages() {
        for input in Self.random(41, count: 60) { ImageFuzz.run(input) }
    }

    /// Inputs that are kept with a target, one a line in hexadecimal digits.
    private static func corpus(_ target: String) -> [[UInt8]] {
        SourceTree.lines("Tests/FuzzTargets/\(target)/corpus.hex").filter { !$0.isEmpty }.map { line in
            let digits = line.compactMap { UInt8(String($0), radix: 16) }
            return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
        }
    }
}
