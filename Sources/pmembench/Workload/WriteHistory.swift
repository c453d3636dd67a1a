import Foundation

/// What a writer of numbered versions does to a store whose versions are known: what the store held after each of its
/// writes can be told again.
struct WriteHistory {
    private let keys: UInt64
    private let seed: UInt64
    /// Version of each key before the first write.
    private let versions: [UInt64]
    /// The version of the first write.
    private let first: UInt64

    init<Engine: BenchmarkEngine>(
        of engine: Engine, _ parameters: RunParameters, seed: UInt64, audit: WriteAudit
    ) throws {
        keys = UInt64(parameters.keys)
        self.seed = mixed(~seed)
        var collector = VersionCollector(keys: parameters.keys, shape: parameters.shape)
        _ = try engine.scan(reverse: false, &collector)
        versions = collector.versions
        first = audit.firstVersion(ofThread: 0)
    }

    /// The writer: keys at random, versions in order.
    func step<Engine: BenchmarkEngine>(_ engine: Engine, shape: PairShape) -> PutStep<Engine, UniformNumbers>
    {
        PutStep(engine: engine, numbers: numbers, shape: shape, kind: .update, firstVersion: first)
    }

    private var numbers: UniformNumbers { UniformNumbers(below: keys, seed: seed) }

    /// The newest write that a copy holds anything of; 0 where it holds none.
    func newestWrite(in copy: VersionCollector) -> Int {
        copy.versions.reduce(0) { newest, version in
            let write = version &- first
            return write < WriteAudit.span ? max(newest, Int(write) + 1) : newest
        }
    }

    /// Keys whose version is not the one that the store held right after a write.
    func differences(from copy: VersionCollector, after write: Int) -> Int {
        var versions = versions
        var numbers = numbers
        for version in 0..<UInt64(write) { versions[Int(numbers.next())] = first + version }
        return zip(versions, copy.versions).count { $0 != $1 }
    }
}

/// Checks pairs to the last byte and notes the version of each.
struct VersionCollector: PairVisitor {
    private(set) var versions: [UInt64]
    private(set) var check: ScanCheck
    /// Values that are right at their beginning and damaged behind it.
    private var damaged = 0
    private let shape: PairShape
    /// A value: all are alike behind number and version.
    private let pattern: PairBuffer

    init(keys: Int, shape: PairShape) {
        self.shape = shape
        versions = [UInt64](repeating: 0, count: keys)
        check = ScanCheck(shape: shape)
        pattern = PairBuffer(shape: shape)
    }

    var right: Int { check.right - damaged }
    var wrong: Int { check.wrong + damaged }

    mutating func visit(_ key: RawSpan, _ value: RawSpan) {
        check.visit(key, value)
        let number = shape.number(ofKey: key)
        guard number < UInt64(versions.count), value.byteCount >= 16 else { return }
        if value.byteCount == shape.valueBytes, value.byteCount > 16, !hasPattern(value) { damaged += 1 }
        versions[Int(number)] = unsafe value.unsafeLoadUnaligned(fromByteOffset: 8, as: UInt64.self)
    }
    private func hasPattern(_ value: RawSpan) -> Bool {
        let tail = value.extracting(16..<value.byteCount)
        let expected = pattern.value.extracting(16..<value.byteCount)
        return unsafe tail.withUnsafeBytes { found in
            unsafe expected.withUnsafeBytes { right in
                guard let found = found.baseAddress, let right = right.baseAddress else { return true }
                return unsafe memcmp(found, right, tail.byteCount) == 0
            }
        }
    }
}
