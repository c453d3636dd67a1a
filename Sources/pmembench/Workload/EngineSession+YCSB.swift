extension EngineSession {
    /// As many operations as keys; a tenth of that where most operations are scans.
    func runMix(_ mix: YCSBMix, seed: UInt64) throws -> RoundResult {
        let threads = parameters.threads
        let operations =
            mix.scan > 0 ? max(parameters.roundOperations / 10, threads) : parameters.roundOperations
        let engine = try fullStore(threads: threads, seed: seed, writes: mix.writes ? operations : 0)
        let ranks = zipfianRanks()
        let newest = NewestKey(count: parameters.keys)
        let audit = beginAudit()
        let plans = (0..<threads).map { thread in
            MixPlan(
                mix: mix, ranks: ranks, keys: parameters.keys, seed: self.seed(seed, ofThread: thread))
        }
        let calls = shares(of: operations)
        var steps = plans.enumerated().map { thread, plan in
            YCSBStep(
                engine: engine, plan: plan, count: calls[thread], keys: parameters.keys, newest: newest,
                firstVersion: audit.firstVersion(ofThread: thread), shape: parameters.shape)
        }
        if mix.insert > 0 { contents = .other }
        let result = try measure(engine, &steps, calls: calls)
        try expect(steps.reduce(0) { $0 + $1.wrong }, 0, "wrong values in a mix")
        try expect(steps.reduce(0) { $0 + $1.shortScans }, 0, "scans that ended too early")
        // A key that another thread is about to insert may rightly be missing.
        if threads == 1 || mix.insert == 0 {
            try expect(
                steps.reduce(0) { $0 + $1.hits }, steps.reduce(0) { $0 + $1.expectedHits },
                "keys found in a mix")
        }
        if mix.writes {
            try expectWrites(
                engine, audit, plans.map(MixWrites.init), counts: steps.map(\.writes),
                keys: Int(newest.keyCount))
        }
        if mix.insert > 0 { try removeInserted(engine, upTo: newest.keyCount) }
        return result
    }

    /// The store of before is soon there again, and need not be loaded anew.
    private func removeInserted(_ engine: Engine, upTo keyCount: UInt64) throws {
        var buffer = PairBuffer(shape: parameters.shape)
        for number in UInt64(parameters.keys)..<keyCount {
            buffer.setKey(number)
            try expect(engine.delete(buffer.key) == false ? 1 : 0, 0, "inserted keys that were missing")
        }
        contents = .full
    }
}
