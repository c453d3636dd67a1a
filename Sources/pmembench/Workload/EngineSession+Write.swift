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
        if let counters = result.counters {
            try expect(counters.fences == 0 ? 1 : 0, elidesFences ? 1 : 0, "runs without a fence")
        }
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
        let engine = try fullStore(threads: parameters.threads, seed: seed, writes: parameters.keys)
        let shares = shares(of: Workload.churnsPerKey * parameters.keys)
        let batchSize = Workload.pairsPerGrowth
        let sources = uniformSources(seed: seed)
        let audit = beginAudit()
        var steps = shares.enumerated().map { thread, share in
            BatchPutStep(
                engine: engine, batchSize: batchSize, share: share, numbers: sources[thread],
                shape: parameters.shape, kind: .update, firstVersion: audit.firstVersion(ofThread: thread))
        }
        let calls = shares.map { ($0 + batchSize - 1) / batchSize }
        var result = try measure(engine, &steps, calls: calls, samplesAll: true)
        result.operations = shares.reduce(0, +)
        try expectWrites(engine, audit, sources.map(\.writes), counts: shares)
        return try withSpace(result, engine)
    }

    /// A source of random keys for each thread.
    private func uniformSources(seed: UInt64) -> [UniformNumbers] {
        (0..<parameters.threads).map {
            UniformNumbers(below: UInt64(parameters.keys), seed: self.seed(seed, ofThread: $0))
        }
    }

    /// The store is full now: every pair is read once.
    private func finishFill(_ result: RoundResult, _ engine: Engine) throws -> RoundResult {
        _ = try expectPairs(engine, keys: parameters.keys, after: "a fill")
        contents = .full
        return try withSpace(result, engine)
    }

    /// The result of a round whose writes were checked, with the space that the store takes.
    private func withSpace(_ result: RoundResult, _ engine: Engine) throws -> RoundResult {
        var result = result
        result.bytesPerPair = Double(try engine.usedBytes()) / Double(parameters.keys)
        return result
    }

    func overwrite(seed: UInt64) throws -> RoundResult {
        let engine = try fullStore(
            threads: parameters.threads, seed: seed, writes: parameters.roundOperations)
        let sources = uniformSources(seed: seed)
        let audit = beginAudit()
        var steps = sources.enumerated().map { thread, source in
            PutStep(
                engine: engine, numbers: source, shape: parameters.shape, kind: .update,
                firstVersion: audit.firstVersion(ofThread: thread))
        }
        let counts = shares(of: parameters.roundOperations)
        let result = try measure(engine, &steps, calls: counts)
        try expectWrites(engine, audit, sources.map(\.writes), counts: counts)
        return try withSpace(result, engine)
    }

    func deleteRandomly(seed: UInt64) throws -> RoundResult {
        try delete(
            ShuffledNumbers.shares(of: parameters.keys, parts: parameters.threads, seed: ~seed), seed: seed)
    }

    func deleteSequentially(seed: UInt64) throws -> RoundResult {
        let threads = parameters.threads
        return try delete(
            (0..<threads).map { SequentialNumbers(from: UInt64($0 * parameters.keys / threads)) }, seed: seed)
    }

    /// Deletes every key; each source has the share of one thread.
    private func delete<Numbers: NumberSource>(_ sources: [Numbers], seed: UInt64) throws -> RoundResult {
        let engine = try fullStore(threads: parameters.threads, seed: seed, writes: parameters.keys)
        var steps = sources.map { DeleteStep(engine: engine, numbers: $0, shape: parameters.shape) }
        contents = .other
        let result = try measure(engine, &steps, calls: shares(of: parameters.keys))
        try expect(steps.reduce(0) { $0 + $1.misses }, 0, "keys that were missing at their deletion")
        try expect(engine.count(), 0, "pairs after deleting all")
        return result
    }
}
