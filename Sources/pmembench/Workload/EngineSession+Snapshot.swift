extension EngineSession {
    /// Keys are overwritten, each at most once, while a view from before is held: the writer's rate, and the space that
    /// the view costs. The view must be the same at the end, pair by pair, and the store must not.
    func longReader(seed: UInt64) throws -> RoundResult {
        let engine = try fullStore(threads: parameters.threads, seed: seed, writes: parameters.viewedWrites)
        let view = try engine.snapshot()
        let before = try digest(of: view)
        let sources = ShuffledNumbers.shares(of: parameters.keys, parts: parameters.threads, seed: ~seed)
        let audit = beginAudit()
        var steps = sources.enumerated().map { thread, source in
            PutStep(
                engine: engine, numbers: source, shape: parameters.shape, kind: .update,
                firstVersion: audit.firstVersion(ofThread: thread))
        }
        let counts = shares(of: parameters.viewedWrites)
        var result = try measure(engine, &steps, calls: counts)
        try expect(digest(of: view) == before ? 1 : 0, 1, "views that stayed as they were")
        try view.release()
        try expectWrites(engine, audit, sources.map(\.writes), counts: counts)
        result.bytesPerPair = Double(try engine.usedBytes()) / Double(parameters.keys)
        return result
    }

    private func digest(of view: any EngineSnapshot) throws -> UInt64 {
        var digest = ScanDigest(shape: parameters.shape)
        try expect(view.scan(&digest), parameters.keys, "pairs in a view")
        try expect(digest.check.wrong, 0, "wrong values in a view")
        return digest.digest
    }
}

/// Checks pairs, and sums up which version of each was seen.
struct ScanDigest: PairVisitor {
    private(set) var check: ScanCheck
    private(set) var digest: UInt64 = 0

    init(shape: PairShape) {
        check = ScanCheck(shape: shape)
    }

    mutating func visit(_ key: RawSpan, _ value: RawSpan) {
        check.visit(key, value)
        guard value.byteCount >= 16 else { return }
        let version = unsafe value.unsafeLoadUnaligned(fromByteOffset: 8, as: UInt64.self)
        digest &+= mixed(version ^ mixed(check.shape.number(ofKey: key)))
    }
}
