import Synchronization

extension EngineSession {
    private func uniform(_ seed: UInt64, _ thread: Int) -> UniformNumbers {
        UniformNumbers(below: UInt64(parameters.keys), seed: self.seed(seed, ofThread: thread))
    }

    func expectRight<Step: CheckedStep>(_ steps: [Step], _ expected: Int, _ what: String) throws {
        try expect(steps.reduce(0) { $0 + $1.wrong }, 0, "wrong values in \(what)")
        try expect(steps.reduce(0) { $0 + $1.right }, expected, "right values in \(what)")
    }

    func readRandomly(seed: UInt64) throws -> RoundResult {
        try read(below: parameters.keys, seed: seed, "readrandom")
    }

    func readHot(seed: UInt64) throws -> RoundResult {
        try read(below: max(parameters.keys / 100, 1), seed: seed, "readhot")
    }

    /// Keys of which each is as likely as the other, from the first ones.
    private func read(below bound: Int, seed: UInt64, _ label: String) throws -> RoundResult {
        let engine = try fullStore(threads: parameters.threads, seed: seed)
        var steps = (0..<parameters.threads).map { thread in
            GetStep(
                engine: engine,
                numbers: UniformNumbers(below: UInt64(bound), seed: self.seed(seed, ofThread: thread)),
                shape: parameters.shape)
        }
        let result = try measure(engine, &steps, calls: shares(of: parameters.roundOperations))
        try expectRight(steps, parameters.roundOperations, label)
        return result
    }

    func readMissing(seed: UInt64) throws -> RoundResult {
        let engine = try fullStore(threads: parameters.threads, seed: seed)
        var steps = (0..<parameters.threads).map {
            MissStep(engine: engine, numbers: uniform(seed, $0), shape: parameters.shape)
        }
        let result = try measure(engine, &steps, calls: shares(of: parameters.roundOperations))
        try expect(steps.reduce(0) { $0 + $1.found }, 0, "keys found that were never put")
        return result
    }

    /// Keys by Zipf's law, the popular ones scattered over the key space.
    func readZipfian(seed: UInt64) throws -> RoundResult {
        let engine = try fullStore(threads: parameters.threads, seed: seed)
        let ranks = zipfianRanks()
        let calls = shares(of: parameters.roundOperations)
        var steps = calls.enumerated().map { thread, count in
            let numbers = ScrambledZipfianNumbers(
                ranks: ranks, count: UInt64(parameters.keys), seed: self.seed(seed, ofThread: thread))
            return GetStep(
                engine: engine, numbers: PreparedNumbers(numbers, count: count), shape: parameters.shape)
        }
        let result = try measure(engine, &steps, calls: calls)
        try expectRight(steps, parameters.roundOperations, "readzipfian")
        return result
    }

    func multiReadRandomly(seed: UInt64) throws -> RoundResult {
        let engine = try fullStore(threads: parameters.threads, seed: seed)
        let width = Workload.keysPerMultiGet
        var steps = (0..<parameters.threads).map {
            MultiGetStep(
                engine: engine, numbers: uniform(seed, $0), shape: parameters.shape, keysPerCall: width)
        }
        let calls = shares(of: max(parameters.roundOperations / width, parameters.threads))
        let result = try measure(engine, &steps, calls: calls, operationsPerCall: width, samplesAll: true)
        try expectRight(steps, result.operations, "multireadrandom")
        return result
    }

    /// A seek and the pairs from there; an operation is a call, whatever the number of its pairs.
    func seekRandomly(seed: UInt64, pairsPerCall: Int) throws -> RoundResult {
        let engine = try fullStore(threads: parameters.threads, seed: seed)
        var steps = (0..<parameters.threads).map {
            SeekStep(
                engine: engine, numbers: uniform(seed, $0), shape: parameters.shape,
                pairsPerCall: pairsPerCall, keys: parameters.keys)
        }
        let calls = shares(of: max(parameters.roundOperations / max(pairsPerCall / 5, 1), parameters.threads))
        let result = try measure(engine, &steps, calls: calls)
        try expectRight(steps, steps.reduce(0) { $0 + $1.expected }, "pairs behind a seek")
        return result
    }

    /// Every thread scans the whole store once; an operation is a pair.
    func scanAll(reverse: Bool) throws -> RoundResult {
        let engine = try fullStore(threads: parameters.threads, seed: parameters.seed)
        var steps = (0..<parameters.threads).map { _ in
            ScanStep(engine: engine, reverse: reverse, shape: parameters.shape)
        }
        let calls = [Int](repeating: 1, count: parameters.threads)
        var result = try measure(
            engine, &steps, calls: calls, operationsPerCall: parameters.keys, samplesAll: true)
        try expectRight(steps, result.operations, reverse ? "readreverse" : "readseq")
        result.timing.dropLatencies()
        result.latencySampling = nil
        return result
    }

    /// The figures are the readers'; the writer runs until they have finished.
    func readWhileWriting(seed: UInt64) throws -> RoundResult {
        let engine = try fullStore(
            threads: parameters.threads + 1, seed: seed, writes: parameters.roundOperations)
        var steps = (0..<parameters.threads).map {
            GetStep(engine: engine, numbers: uniform(seed, $0), shape: parameters.shape)
        }
        let result = try measureWhileWriting(engine, &steps, seed: seed)
        try expectRight(steps, parameters.roundOperations, "readwhilewriting")
        return result
    }

    func seekWhileWriting(seed: UInt64) throws -> RoundResult {
        let engine = try fullStore(
            threads: parameters.threads + 1, seed: seed, writes: parameters.roundOperations)
        var steps = (0..<parameters.threads).map {
            SeekStep(
                engine: engine, numbers: uniform(seed, $0), shape: parameters.shape, pairsPerCall: 1,
                keys: parameters.keys)
        }
        let result = try measureWhileWriting(engine, &steps, seed: seed)
        try expectRight(steps, steps.reduce(0) { $0 + $1.expected }, "pairs behind a seek")
        return result
    }

    private func measureWhileWriting<Step: WorkStep>(
        _ engine: Engine, _ steps: inout [Step], seed: UInt64
    ) throws -> RoundResult {
        let numbers = uniform(~seed, 0)
        let audit = beginAudit()
        let writer = BackgroundWriter(
            PutStep(
                engine: engine, numbers: numbers, shape: parameters.shape, kind: .update,
                firstVersion: audit.firstVersion(ofThread: 0)))
        writer.start()
        // Beside a writer that has not begun yet, nothing would be measured.
        writer.waitForCalls(Self.firstWrites)
        let before = writer.finishedCalls
        let measured = Result { try measure(engine, &steps, calls: shares(of: parameters.roundOperations)) }
        let after = writer.finishedCalls
        let writes = try writer.stop()
        var result = try measured.get()
        try expectWrites(engine, audit, [numbers.writes], counts: [writes])
        result.counters = nil
        result.checkpointCounters = nil
        result.backgroundWritesPerSecond =
            Double(after - before) * 1e9 / Double(max(result.timing.nanoseconds, 1))
        return result
    }

    private static var firstWrites: Int { 64 }
}
