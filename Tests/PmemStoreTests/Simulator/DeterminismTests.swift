import Testing

@testable internal import PmemStore
@testable internal import PmemStoreTesting

/// The same run makes the same bytes: what replay tokens and every comparison of images rest on.
@Suite("Simulator: the same run twice")
struct DeterminismTests {
    /// The durable image, and all that passed through the door on the way.
    private struct Trace: Equatable {
        var words: [Int: UInt64] = [:]
        var events: [String] = []

        init(_ memory: SimulatedMemory) {
            for offset in stride(from: 0, to: memory.byteCount, by: 8) {
                let word = memory.durableWord(offset)
                if word != 0 { words[offset] = word }
            }
        }
    }

    /// A random workload with checkpoints, reopenings and kills, not crashed.
    private static func trace(seed: UInt64) throws -> Trace {
        let run = try CrashRun(seed: seed, context: "twice", depth: 1)
        var events: [String] = []
        run.explorer.isQuiet = true
        let explore = run.memory.onEvent
        run.memory.onEvent = { event in
            events.append(event.description)
            explore?(event)
        }
        var generator = WorkloadGenerator(seed: seed)
        for _ in 0..<10 { try run.run(generator.step()) }
        #expect(run.failures.isEmpty)
        var trace = Trace(run.memory)
        trace.events = events
        return trace
    }

    @Test("One seed gives one image, byte for byte, and one sequence of events")
    func workloads() throws {
        let seed = TestPlan.seeds([11])[0]
        let first = try Self.trace(seed: seed)
        let second = try Self.trace(seed: seed)
        #expect(first.words.count > 500 && first.events.count > 50)
        #expect(first.events == second.events)
        let different = first.words.first { second.words[$0.key] != $0.value }
        #expect(first.words == second.words, "the first difference found: \(String(describing: different))")
        #expect(try Self.trace(seed: seed + 1).events != first.events)
    }

    @Test("So does a store that stands on simulated memory")
    func stores() throws {
        func image() throws -> Trace {
            let layout = SimulatedLayout()
            let memory = SimulatedMemory(byteCount: layout.byteCount)
            layout.format(memory)
            let store = try Store.open(memory, layout: layout)
            for number in 0..<60 {
                try store.write { tx in
                    let value = [UInt8](repeating: UInt8(number), count: number * 700)
                    try tx.put(value, forKey: "key \(number % 20)")
                    if number % 9 == 0 { try tx.delete("key \(number % 7)") }
                }
            }
            try store.close()
            return Trace(memory)
        }
        let first = try image()
        #expect(first.words.count > 5000)
        #expect(try first == image())
    }
}
