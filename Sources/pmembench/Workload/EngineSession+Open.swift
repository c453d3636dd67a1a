import CPmem
import Foundation

extension EngineSession {
    private static var cleanOpens: Int { 5 }

    /// Kills of one round: enough for a last percentile, fewer where each takes long.
    private var kills: Int { parameters.keys > 1_000_000 ? 10 : 20 }

    /// Opens a closed store a few times; the measured time ends with the first pair read.
    func openClean(seed: UInt64) throws -> RoundResult {
        _ = try fullStore(threads: 1, seed: seed)
        var timing = Timing(nanoseconds: 0)
        var counters: MediumCounters?
        for _ in 0..<Self.cleanOpens {
            try close()
            counters = try timedOpen(&timing)
        }
        try checkSample(seed: seed)
        try expect(engine?.count() ?? 0, parameters.keys, "pairs after a close")
        return RoundResult(
            operations: Self.cleanOpens, transactions: 1, timing: timing, counters: counters,
            latencySampling: 1)
    }

    /// Opens what a killed process left, again and again: it is loaded once, then a process overwrites until the log is
    /// full and is killed, and the next one goes on from what was opened. At the end every write that the last one was
    /// told of must be there.
    func openKilled(seed: UInt64) throws -> RoundResult {
        try discard()
        bringMemory(pairs: parameters.keys, caches: true)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        var timing = Timing(nanoseconds: 0)
        var counters: MediumCounters?
        for kill in 0..<kills {
            try close()
            let victim = KilledWriter(
                engine: name, directory: directory, parameters: parameters, seed: mixed(seed &+ UInt64(kill)),
                round: nextAudit(), loads: kill == 0)
            let writes = try leaveKilled(victim)
            counters = try timedOpen(&timing)
            try checkSample(seed: seed)
            if kill == kills - 1, let engine {
                try expectWrites(engine, victim.audit, [victim.numbers.writes], counts: [writes])
            }
        }
        contents = .full
        return RoundResult(
            operations: kills, transactions: 1, timing: timing, counters: counters, latencySampling: 1)
    }

    private func timedOpen(_ timing: inout Timing) throws -> MediumCounters? {
        var buffer = PairBuffer(shape: parameters.shape)
        var check = ReadCheck(shape: parameters.shape)
        buffer.setKey(0)
        let start = cpm_monotonic_nanoseconds()
        let engine = try reopen()
        let isFound = try engine.get(buffer.key, &check)
        let elapsed = cpm_monotonic_nanoseconds() - start
        try expect(isFound ? check.right : 0, 1, "first pair after opening")
        timing.nanoseconds += elapsed
        timing.record(elapsed, .open)
        return engine.mediumCounters
    }

    private func checkSample(seed: UInt64) throws {
        guard let engine else { return }
        let numbers = UniformNumbers(below: UInt64(parameters.keys), seed: seed)
        var step = GetStep(engine: engine, numbers: numbers, shape: parameters.shape)
        for _ in 0..<1000 { try step.perform() }
        try expectRight([step], 1000, "a sample after opening")
    }
}
