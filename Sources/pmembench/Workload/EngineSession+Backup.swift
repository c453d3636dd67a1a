import CPmem
import Foundation

extension EngineSession {
    /// Writes that have to be done before a copy begins, so that it begins among writes.
    private static var writesBefore: Int { 100 }

    /// Copies a full store beside one writer, then opens the copy and compares every pair of it with what one commit
    /// of the writer held.
    func backup(seed: UInt64) throws -> RoundResult {
        guard parameters.shape.valueBytes >= 16 else {
            throw BenchmarkFailure(
                .usage, "backup needs --value-size 16 or more, for the number of the write")
        }
        // The copy takes as much as the store.
        let engine = try fullStore(threads: 2, seed: seed, writes: parameters.keys)
        let history = try WriteHistory(of: engine, parameters, seed: seed, audit: beginAudit())
        let writer = BackgroundWriter(history.step(engine, shape: parameters.shape))
        let copy = directory + ".copy"
        try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: copy) }
        writer.start()
        writer.waitForCalls(Self.writesBefore)
        let first = writer.finishedCalls
        _ = writer.takeLongestCall()
        let start = cpm_monotonic_nanoseconds()
        let outcome = Result { try engine.backup(to: copy) }
        let elapsed = cpm_monotonic_nanoseconds() - start
        let (last, pause) = (writer.finishedCalls, writer.takeLongestCall())
        let writes = try writer.stop()
        try outcome.get()
        let commit = try check(copy, history)
        // The copy is no older than its call; the write in flight at its end may be in it.
        try expect(
            first <= commit && commit <= min(last + 1, writes) ? 1 : 0, 1, "copies as new as their call")
        var timing = Timing(nanoseconds: elapsed)
        timing.record(elapsed, .scan)
        var result = RoundResult(
            operations: parameters.keys, transactions: 1, timing: timing, latencySampling: 1)
        result.backgroundWritesPerSecond = Double(last - first) * 1e9 / Double(max(elapsed, 1))
        result.longestWriteNanoseconds = pause
        result.copiedBytes = parameters.keys * parameters.shape.pairBytes
        return result
    }

    /// Returns the number of the writer's commit that the copy equals.
    private func check(_ directory: String, _ history: WriteHistory) throws -> Int {
        let options = parameters.engineOptions(name, threads: 1)
        let copy = try Engine.openBackup(in: directory, options: options)
        var versions = VersionCollector(keys: parameters.keys, shape: parameters.shape)
        let pairs = Result { try copy.scan(reverse: false, &versions) }
        try copy.close()
        try expect(pairs.get(), parameters.keys, "pairs in a copy")
        try expect(versions.wrong, 0, "wrong values in a copy")
        let commit = history.newestWrite(in: versions)
        try expect(
            history.differences(from: versions, after: commit), 0,
            "pairs of a copy that are not of its commit")
        return commit
    }
}
