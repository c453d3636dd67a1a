extension EngineSession {
    /// One writer overwrites every key while a view from before is held: the writer's rate, and the space that the view
    /// costs. The view must be the same at the end, pair by pair, and the store must not.
    func longReader(seed: UInt64) throws -> RoundResult {
        let engine = try fullStore(threads: parameters.threads, seed: seed)
        let view = try engine.snapshot()
        let before = try digest(of: view)
        let sources = ShuffledNumbers.shares(of: parameters.keys, parts: parameters.threads, seed: ~seed)
        // The versions of a load end at the number of keys, so that these differ from every one of them.
        var steps = sources.map {
            PutStep(
                engine: engine, numbers: $0, shape: parameters.shape, kind: .update,
                firstVersion: seed | 1 << 63)
        }
        var result = try measure(engine, &steps, calls: shares(of: parameters.keys))
        try expect(digest(of: view) == before ? 1 : 0, 1, "views that stayed as they were")
        try view.release()
        var after = ScanDigest(shape: parameters.shape)
        try expect(engine.scan(reverse: false, &after), parameters.keys, "pairs after a long reader")
        try expect(after.check.wrong, 0, "wrong values after a long reader")
        if parameters.shape.valueBytes >= 16 {
            try expect(after.digest == before ? 0 : 1, 1, "stores that changed beside a long reader")
        }
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
