import Foundation

extension PMDKRound {
    /// Operations on a map of 64-bit keys, by the engine that `--type` names.
    func runMap(seed: UInt64) throws -> PMDKRoundResult {
        guard !arguments.flag("external-tx") else {
            throw BenchmarkFailure(
                .usage,
                "--external-tx: not every engine takes removals into one transaction; use run fillbatch")
        }
        let name = try Self.engine(arguments.text("type"))
        let directory = arguments.file
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        } catch {
            throw BenchmarkFailure(
                .usage, "cannot create \(directory): \(error.localizedDescription); choose another --file")
        }
        defer { try? FileManager.default.removeItem(atPath: directory) }
        return try name.accept(MapVisitor(round: self, name: name, directory: directory, seed: seed))
    }

    /// An engine by its own name or by that of PMDK's map.
    static func engine(_ type: String) throws -> EngineName {
        let names = ["btree": EngineName.libpmemobj, "hashmap_tx": .libpmemobjHash]
        guard let name = names[type] ?? EngineName(rawValue: type) else {
            let known = EngineName.allCases.map(\.rawValue).joined(separator: ", ")
            throw BenchmarkFailure(
                .usage, "--type: no such map: \(type); known are \(known), btree and hashmap_tx")
        }
        return name
    }
}

private struct MapVisitor: EngineVisitor {
    let round: PMDKRound
    let name: EngineName
    let directory: String
    let seed: UInt64

    private var arguments: PMDKArguments { round.arguments }
    private var shape: PairShape { PairShape(keyBytes: 8, valueBytes: arguments.dataSize) }

    func visit<Engine: BenchmarkEngine>(_ type: Engine.Type) throws -> PMDKRoundResult {
        let options = EngineOptions(
            engine: name, expectedPairs: arguments.operations + 1000,
            expectedPairBytes: 8 + arguments.dataSize,
            threads: arguments.threads, isVolatileMedium: round.isVolatileMedium)
        let engine = try Engine.create(in: directory, options: options)
        var result =
            switch round.benchmark {
            case .mapGet: try get(engine)
            case .mapRemove: try remove(engine)
            default: try insert(engine)
            }
        result.domain = engine.domain
        result.lease = engine.lease
        try engine.close()
        return result
    }

    // MARK: Operations

    private func insert<Engine: BenchmarkEngine>(_ engine: Engine) throws -> PMDKRoundResult {
        var generator = SeededGenerator(seed: seed)
        let keys = (0..<arguments.operations).map { _ in key(&generator) }
        var steps = shares(keys).map { PutStep(engine: engine, numbers: $0, shape: shape, kind: .insert) }
        var result = try measure(engine, &steps)
        let different = Set(keys).count
        try round.expect(
            engine.count() == different, "the map does not hold the \(different) keys that were put")
        var readers = shares(keys).map { GetStep(engine: engine, numbers: $0, shape: shape) }
        for reader in readers.indices {
            for _ in 0..<arguments.operationsPerThread { try readers[reader].perform() }
        }
        let right = readers.reduce(0) { $0 + $1.right }
        try round.expect(
            right == arguments.operations, "\(right) of \(arguments.operations) puts are read back right")
        result.bytesPerPair = Double(try engine.usedBytes()) / Double(different)
        return result
    }

    private func get<Engine: BenchmarkEngine>(_ engine: Engine) throws -> PMDKRoundResult {
        let keys = try load(engine)
        var steps = shares(keys).map { GetStep(engine: engine, numbers: $0, shape: shape) }
        let result = try measure(engine, &steps)
        let right = steps.reduce(0) { $0 + $1.right }
        try round.expect(
            right == arguments.operations, "\(right) of \(arguments.operations) lookups were right")
        return result
    }

    private func remove<Engine: BenchmarkEngine>(_ engine: Engine) throws -> PMDKRoundResult {
        let keys = try load(engine)
        var steps = shares(keys).map { DeleteStep(engine: engine, numbers: $0, shape: shape) }
        let result = try measure(engine, &steps)
        try round.expect(steps.allSatisfy { $0.misses == 0 }, "keys were missing at their removal")
        try round.expect(engine.count() == 0, "the map is not empty after the removal of every key")
        return result
    }

    private func measure<Engine: BenchmarkEngine, Step: WorkStep>(
        _ engine: Engine, _ steps: inout [Step]
    ) throws -> PMDKRoundResult {
        let before = engine.mediumCounters
        var result = try round.measure(&steps)
        if let before, let after = engine.mediumCounters { result.counters = after - before }
        return result
    }

    // MARK: Keys

    private func key(_ generator: inout SeededGenerator) -> UInt64 {
        let bound = arguments.number("max-key")
        return bound == 0 ? generator.next() : generator.below(UInt64(bound))
    }

    /// Puts as many different keys as there are operations, and returns them in another random order.
    private func load<Engine: BenchmarkEngine>(_ engine: Engine) throws -> [UInt64] {
        let bound = arguments.number("max-key")
        guard bound == 0 || bound >= arguments.operations else {
            throw BenchmarkFailure(
                .usage, "--max-key \(bound): there are not \(arguments.operations) different keys below it")
        }
        var generator = SeededGenerator(seed: seed)
        var seen: Set<UInt64> = []
        var keys: [UInt64] = []
        while keys.count < arguments.operations {
            let key = key(&generator)
            if seen.insert(key).inserted { keys.append(key) }
        }
        var pairs = NumberedPairs(numbers: ListedNumbers(keys), shape: shape)
        try EngineSession<Engine>.put(keys.count, from: &pairs, into: engine)
        keys.shuffle(using: &generator)
        return keys
    }

    private func shares(_ keys: [UInt64]) -> [ListedNumbers] {
        let share = arguments.operationsPerThread
        return (0..<arguments.threads).map { ListedNumbers(Array(keys[$0 * share..<($0 + 1) * share])) }
    }
}

/// Numbers of a list, in order.
struct ListedNumbers: NumberSource {
    private let numbers: [UInt64]
    private var index = 0

    init(_ numbers: [UInt64]) {
        self.numbers = numbers
    }

    mutating func next() -> UInt64 {
        defer { index += 1 }
        return numbers[index]
    }
}
