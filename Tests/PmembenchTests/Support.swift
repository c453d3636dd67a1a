import Foundation

@testable import pmembench

/// A directory, in memory where there is some, that is removed when the test ends.
final class ScratchDirectory {
    let path: String

    init() throws {
        let memory = "/dev/shm"
        let parent = FileManager.default.isWritableFile(atPath: memory) ? memory : NSTemporaryDirectory()
        path = parent + "/pmembench-tests-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}

/// Copies the pairs that it is shown.
struct PairCollector: PairVisitor {
    private(set) var pairs: [(key: [UInt8], value: [UInt8])] = []

    mutating func visit(_ key: RawSpan, _ value: RawSpan) {
        pairs.append(
            (
                unsafe key.withUnsafeBytes { unsafe Array($0) },
                unsafe value.withUnsafeBytes { unsafe Array($0) }
            ))
    }
}

/// Copies the value that it is shown.
struct ValueCollector: ValueVisitor {
    private(set) var value: [UInt8]?

    mutating func visit(_ value: RawSpan) {
        self.value = unsafe value.withUnsafeBytes { unsafe Array($0) }
    }
}

extension EngineOptions {
    static let small = small(.libpmemobj)

    static func small(_ engine: EngineName) -> EngineOptions {
        EngineOptions(engine: engine, expectedPairs: 3000, expectedPairBytes: 300, isVolatileMedium: true)
    }
}

extension [UInt8] {
    var bytes: RawSpan {
        @_lifetime(borrow self) get { unsafe span.bytes }
    }
}

extension RunParameters {
    static func small(threads: Int = 1, valueBytes: Int = 30) -> RunParameters {
        RunParameters(
            keys: 600, shape: PairShape(keyBytes: 16, valueBytes: valueBytes), batchSizes: [7, 1000],
            threads: threads, rounds: 2, seed: 5, latencySampling: 4, isVolatileMedium: true)
    }
}
