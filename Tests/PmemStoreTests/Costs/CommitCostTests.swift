import Testing

@testable internal import PmemStore
@testable internal import PmemStoreTesting

/// What operations send through the door to the medium, counted exactly. A change here is a change of the protocol.
@Suite("Costs: fences and lines")
struct CommitCostTests {
    private struct Cost: Equatable {
        var fences: UInt64
        var lines: UInt64
    }

    private static func withStore(_ body: (Store) throws -> Void) throws {
        let scratch = ScratchDirectory(.volatileMemory)
        var options = StoreOptions()
        options.acceptsVolatileMedium = true
        // Counted without the background's checkpoints.
        options.recoveryTimeTargetNanoseconds = 1 << 50
        let store = try Store.open(scratch.store, options: options)
        try body(store)
        try store.close()
    }

    private static func cost(_ store: Store, _ body: () throws -> Void) rethrows -> Cost {
        let before = store.statistics.commitMedium
        try body()
        let after = store.statistics.commitMedium
        return Cost(
            fences: after.fences - before.fences,
            lines: after.nonTemporalLines - before.nonTemporalLines + after.flushedLines - before.flushedLines
        )
    }

    private static func key(_ number: Int) -> [UInt8] {
        Array("key \(1_000_000_000_000 + number)".utf8.suffix(16))
    }

    @Test("Opening a store: two fences")
    func opening() throws {
        try Self.withStore { store in #expect(store.statistics.commitMedium.fences == 2) }
    }

    @Test("A transaction of any size: one fence", arguments: [1, 10, 1000])
    func puts(count: Int) throws {
        try Self.withStore { store in
            let cost = try Self.cost(store) {
                try store.write { tx in
                    for number in 0..<count {
                        try tx.put([UInt8](repeating: 1, count: 100), forKey: Self.key(number))
                    }
                }
            }
            #expect(cost.fences == 1)
        }
    }

    @Test("One put of 16 and 100 bytes: two lines of record, one of log")
    func onePut() throws {
        try Self.withStore { store in
            let value = [UInt8](repeating: 1, count: 100)
            for number in 0..<3 {
                let cost = try Self.cost(store) {
                    try store.write { tx in try tx.put(value, forKey: Self.key(number)) }
                }
                #expect(cost == Cost(fences: 1, lines: 3))
            }
        }
    }

    @Test("A delete: one fence, one line of log")
    func delete() throws {
        try Self.withStore { store in
            try store.write { tx in try tx.put([1], forKey: Self.key(1)) }
            let cost = try Self.cost(store) { try store.write { tx in _ = try tx.delete(Self.key(1)) } }
            #expect(cost == Cost(fences: 1, lines: 1))
        }
    }

    @Test("Reads and transactions without a change: nothing")
    func reading() throws {
        try Self.withStore { store in
            try store.write { tx in try tx.put([1], forKey: Self.key(1)) }
            let cost = try Self.cost(store) {
                _ = try store.read { tx in try tx.get(Self.key(1)) }
                try store.write { _ in }
                try store.write { tx in _ = try tx.delete(Self.key(2)) }
            }
            #expect(cost == Cost(fences: 0, lines: 0))
        }
    }

    @Test("A checkpoint: two fences, none where there is nothing to save")
    func checkpoint() throws {
        try Self.withStore { store in
            try store.write { tx in try tx.put([1], forKey: Self.key(1)) }
            let before = store.statistics.checkpointMedium.fences
            try store.checkpoint()
            #expect(store.statistics.checkpointMedium.fences - before == 2)
            try store.checkpoint()
            try store.checkpoint()
            #expect(store.statistics.checkpointMedium.fences - before <= 4)
        }
    }

    /// In stores of as many pairs in chunks of one kind, and of ten: nothing is read of a chunk.
    @Test("Opening reads as much of a store that fills more chunks")
    func openingLargerStore() throws {
        let reads = try [1, 10].map { kinds in
            let run = try CrashRun(seed: 1)
            run.explorer.isQuiet = true
            let operations = (0..<20).map { number in
                ModelOperation.put(
                    [UInt8](repeating: 1, count: 64 * (1 + number % kinds)), key: Self.key(number), table: 1)
            }
            try run.run([.commit(operations), .checkpoint, .commit([.delete(Self.key(0), table: 1)])])
            let image = run.memory.makeChild(isTracking: false)
            image.reset()
            image.resetReadCount()
            #expect(try run.layout.recover(image).commit == 2)
            return image.readCount
        }
        #expect(reads[0] == reads[1] && reads[0] > 0, "\(reads)")
    }
}
