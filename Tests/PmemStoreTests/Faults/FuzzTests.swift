internal import StoreFuzzing
import Testing

@testable internal import PmemStore

/// What `make fuzz` has found once, and a few inputs of chance, so that the fuzz targets themselves stay alive.
@Suite("Faults: fuzzing", .serialized)
struct FuzzTests {
    private static func corpus(_ name: String) throws -> [[UInt8]] {
        let directory = SourceTree.root + "/Tests/Corpus/" + name
        return try DirectoryListing.names(directory).sorted().map { bytes(of: directory + "/" + $0) }
    }

    private static func random(_ seed: UInt64, count: Int) -> [[UInt8]] {
        var random = SeededGenerator(seed: seed)
        return (0..<(count * TestPlan.scale)).map { _ in
            (0..<Int.random(in: 8...200, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random)
            }
        }
    }

    @Test("Images that once trapped or hung, and images of chance, give results or errors")
    func images() throws {
        for input in try Self.corpus("image") + Self.random(31, count: 300) { ImageFuzz.run(input) }
    }

    @Test("Streams of operations do to a store what they do to a model")
    func operations() throws {
        for input in try Self.corpus("operations") + Self.random(37, count: 300) { OperationFuzz.run(input) }
    }
}
