extension EngineSession {
    private var isConcurrent: Bool { parameters.threads > 1 }

    func fillSequentially() throws -> RoundResult {
        let engine = try emptyStore(isConcurrent: isConcurrent)
        let threads = parameters.threads
        var steps = (0..<threads).map { thread in
            PutStep(
                engine: engine, numbers: SequentialNumbers(from: UInt64(thread * parameters.keys / threads)),
                shape: parameters.shape)
        }
        let result = try measure(engine, &steps, calls: shares(of: parameters.keys))
        return try finishFill(result, engine)
    }

    func fillRandomly(seed: UInt64, elidesFences: Bool) throws -> RoundResult {
        let engine = try emptyStore(isConcurrent: isConcurrent, elidesFences: elidesFences)
        let sources = ShuffledNumbers.shares(of: parameters.keys, parts: parameters.threads, seed: seed)
        var steps = sources.map { PutStep(engine: engine, numbers: $0, shape: parameters.shape) }
        let result = try measure(engine, &steps, calls: shares(of: parameters.keys))
        return try finishFill(result, engine)
    }

    func fillInBatches(of batchSize: Int, seed: UInt64) throws -> RoundResult {
        let engine = try emptyStore(isConcurrent: isConcurrent)
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

    private func finishFill(_ result: RoundResult, _ engine: Engine) throws -> RoundResult {
        try expect(engine.count(), parameters.keys, "pairs after a fill")
        contents = .full
        var result = result
        result.bytesPerPair = Double(try engine.usedBytes()) / Double(parameters.keys)
        return result
    }

    func overwrite(seed: UInt64) throws -> RoundResult {
        let engine = try fullStore(isConcurrent: isConcurrent, seed: seed)
        var steps = (0..<parameters.threads).map { thread in
            PutStep(
                engine: engine,
                numbers: UniformNumbers(
                    below: UInt64(parameters.keys), seed: self.seed(seed, ofThread: thread)),
                shape: parameters.shape)
        }
        let result = try measure(engine, &steps, calls: shares(of: parameters.keys))
        return try finishFill(result, engine)
    }

    func deleteRandomly(seed: UInt64) throws -> RoundResult {
        let engine = try fullStore(isConcurrent: isConcurrent, seed: seed)
        let sources = ShuffledNumbers.shares(of: parameters.keys, parts: parameters.threads, seed: ~seed)
        var steps = sources.map { DeleteStep(engine: engine, numbers: $0, shape: parameters.shape) }
        contents = .other
        let result = try measure(engine, &steps, calls: shares(of: parameters.keys))
        try expect(steps.reduce(0) { $0 + $1.hits }, parameters.keys, "keys deleted")
        try expect(engine.count(), 0, "pairs after deleting all")
        return result
    }
}
