extension EngineSession {
    func fillSequentially() throws -> RoundResult {
        let engine = try emptyStore(threads: parameters.threads)
        let threads = parameters.threads
        var steps = (0..<threads).map { thread in
            PutStep(
                engine: engine, numbers: SequentialNumbers(from: UInt64(thread * parameters.keys / threads)),
                shape: parameters.shape, kind: .insert)
        }
        let result = try measure(engine, &steps, calls: shares(of: parameters.keys))
        return try finishFill(result, engine)
    }

    func fillRandomly(seed: UInt64, elidesFences: Bool) throws -> RoundResult {
        let engine = try emptyStore(threads: parameters.threads, elidesFences: elidesFences)
        let sources = ShuffledNumbers.shares(of: parameters.keys, parts: parameters.threads, seed: seed)
        var steps = sources.map {
            PutStep(engine: engine, numbers: $0, shape: parameters.shape, kind: .insert)
        }
        let result = try measure(engine, &steps, calls: shares(of: parameters.keys))
        return try finishFill(result, engine)
    }

    func fillInBatches(of batchSize: Int, seed: UInt64) throws -> RoundResult {
        let engine = try emptyStore(threads: parameters.threads)
        let sources = ShuffledNumbers.shares(of: parameters.keys, parts: parameters.threads, seed: seed)
        let shares = shares(of: parameters.keys)
        var steps = zip(sources, shares).map {
            BatchPutStep(
                engine: engine, batchSize: batchSize, share: $1, numbers: $0, shape: parameters.shape)
        }
        let calls = shares.map { ($0 + batchSize - 1) / batchSize }
        var result = try measure(engine, &steps, calls: calls, samplesAll: batchSize >= 10)
        result.operations = parameters.keys
        return try finishFill(result, engine)
    }

    /// Ascending keys in large transactions, by the engine's way for sorted input. One thread: there is one end.
    func loadSorted() throws -> RoundResult {
        let engine = try emptyStore(threads: 1)
        var steps = [
            BatchPutStep(
                engine: engine, batchSize: Workload.pairsPerLoad, share: parameters.keys,
                numbers: SequentialNumbers(from: 0), shape: parameters.shape, appends: true)
        ]
        let calls = (parameters.keys + Workload.pairsPerLoad - 1) / Workload.pairsPerLoad
        var result = try measure(engine, &steps, calls: [calls], samplesAll: true)
        result.operations = parameters.keys
        return try finishFill(result, engine)
    }

    /// From an empty store to a full one in transactions of 100, each of them timed: growth shows in the last
    /// percentiles.
    func grow(seed: UInt64) throws -> RoundResult {
        try fillInBatches(of: Workload.pairsPerGrowth, seed: seed)
    }

    /// Every key is overwritten ten times, in random order; what counts is the space at the end.
    func churn(seed: UInt64) throws -> RoundResult {
        let engine = try fullStore(threads: parameters.threads, seed: seed)
        let shares = shares(of: Workload.churnsPerKey * parameters.keys)
        let batchSize = Workload.pairsPerGrowth
        var steps = shares.enumerated().map { thread, share in
            BatchPutStep(
                engine: engine, batchSize: batchSize, share: share,
                numbers: UniformNumbers(
                    below: UInt64(parameters.keys), seed: self.seed(seed, ofThread: thread)),
                shape: parameters.shape, kind: .update)
        }
        let calls = shares.map { ($0 + batchSize - 1) / batchSize }
        var result = try measure(engine, &steps, calls: calls, samplesAll: true)
        result.operations = shares.reduce(0, +)
        return try finishFill(result, engine)
    }

    private func finishFill(_ result: RoundResult, _ engine: Engine) throws -> RoundResult {
        try expect(engine.count(), parameters.keys, "pairs after a fill")
        contents = .full
        var result = result
        result.bytesPerPair = Double(try engine.usedBytes()) / Double(parameters.keys)
        return result
    }

    func overwrite(seed: UInt64) throws -> RoundResult {
        let engine = try fullStore(threads: parameters.threads, seed: seed)
        var steps = (0..<parameters.threads).map { thread in
            PutStep(
                engine: engine,
                numbers: UniformNumbers(
                    below: UInt64(parameters.keys), seed: self.seed(seed, ofThread: thread)),
                shape: parameters.shape, kind: .update)
        }
        let result = try measure(engine, &steps, calls: shares(of: parameters.keys))
        return try finishFill(result, engine)
    }

    func deleteRandomly(seed: UInt64) throws -> RoundResult {
        let engine = try fullStore(threads: parameters.threads, seed: seed)
        let sources = ShuffledNumbers.shares(of: parameters.keys, parts: parameters.threads, seed: ~seed)
        var steps = sources.map { DeleteStep(engine: engine, numbers: $0, shape: parameters.shape) }
        contents = .other
        let result = try measure(engine, &steps, calls: shares(of: parameters.keys))
        try expect(steps.reduce(0) { $0 + $1.misses }, 0, "keys that were missing at their deletion")
        try expect(engine.count(), 0, "pairs after deleting all")
        return result
    }
}
