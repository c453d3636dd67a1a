import Testing

@testable internal import PmemStore

/// States in which recovery, or what follows it, once went wrong.
@Suite("Simulator: regressions of recovery")
struct RecoveryRegressionTests {
    private static func key(_ number: Int) -> [UInt8] { Array("key \(number)".utf8) }
    private static let large = [UInt8](repeating: 7, count: 40_000)

    private static func put(_ number: Int, _ value: [UInt8] = [1], table: UInt32 = 1) -> ModelOperation {
        .put(value, key: key(number), table: table)
    }

    @Test("A large value deleted after an open does not take its neighbours' chunk with it")
    func largeValues() throws {
        let run = try CrashRun(seed: 1)
        try run.quietly { try run.run([.commit((0..<4).map { Self.put($0, Self.large) }), .reopen]) }
        try run.run([
            .commit([.delete(Self.key(0), table: 1)]), .checkpoint,
        ])
        try run.quietly {
            try run.run([.checkpoint, .commit((4..<60).map { Self.put($0, Self.large) }), .reopen])
        }
        #expect(StoreOracle(layout: run.layout).structuralFailure(run.store) == nil)
        #expect(run.failures.isEmpty)
    }

    @Test("A table that was found at open can be emptied, also after an abandoned transaction did so")
    func emptiedTables() throws {
        let run = try CrashRun(seed: 1)
        try run.run([
            .commit([Self.put(1), Self.put(1, table: 2)]), .reopen,
            .abort([.delete(Self.key(1), table: 1), .delete(Self.key(1), table: 2)]),
            .commit([.delete(Self.key(1), table: 1)]), .commit([.delete(Self.key(1), table: 2)]), .reopen,
        ])
        #expect(run.failures.isEmpty)
    }

    @Test("Recovery leaves the first entry of a log that is full to the last byte alone")
    func fullLog() throws {
        let run = try CrashRun(seed: 1)
        var generator = WorkloadGenerator(seed: 1)
        try run.fillLog(leaving: 0, &generator)
        #expect(run.store.engine.writer.log.usedBytes == run.store.engine.writer.log.capacity)
        try run.recover()
        try run.recover()
        try run.run(.commit([Self.put(1)]))
        #expect(run.failures.isEmpty)
    }

    @Test("A value whose construction fails leaves nothing behind in a transaction that goes on")
    func failedConstruction() throws {
        struct Refusal: Error {}
        let run = try CrashRun(seed: 1)
        let engine = run.store.engine
        try run.store.transact([Self.put(1)]) {
            #expect(throws: Refusal.self) {
                try unsafe Self.key(2).withUnsafeBytes { key in
                    try unsafe engine.writer.put(byteCount: 5000, key: key, table: 1) { _ in throw Refusal() }
                }
            }
            run.explorer.expect(1, Self.modelOfFirst)
            _ = try engine.writer.commitTransaction()
        }
        try run.run(.reopen)
        #expect(StoreOracle(layout: run.layout).structuralFailure(run.store) == nil)
        #expect(run.failures.isEmpty)
    }

    private static var modelOfFirst: CrashModel {
        var model = CrashModel()
        put(1).apply(to: &model)
        return model
    }
}
