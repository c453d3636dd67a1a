import Testing

@testable internal import PmemStore

/// Tests of the explorer: a medium that leaves one thing out must be noticed.
@Suite("Simulator: canaries")
struct CanaryTests {
    enum Canary: String, CaseIterable, Sendable {
        case noDrainAtCommit, noDrainBeforeSuperblock, noDrainAfterSuperblock, superblockBeforeFence
        case noLogEntry, noRecord, noNodeOrBitmap, noChunkTable, noSuperblock, noFlushInRecovery

        func effect(_ event: SimulatedEvent, _ drains: Int, _ layout: SimulatedLayout)
            -> MediumMutation.Effect
        {
            let region = layout.region(event.offset)
            let isCopy = event.kind == .copyIn
            let isDrain = event.kind == .drain && event.role == .checkpointer
            switch self {
            case .noDrainAtCommit:
                return event.kind == .drain && event.role == .writer ? .isDropped : .happens
            case .noDrainBeforeSuperblock: return isDrain && drains % 2 == 0 ? .isDropped : .happens
            case .noDrainAfterSuperblock: return isDrain && drains % 2 == 1 ? .isDropped : .happens
            case .superblockBeforeFence:
                if isDrain && drains % 2 == 0 { return .isDropped }
                return isCopy && region == .superblock ? .isDurableAtOnce : .happens
            case .noLogEntry: return isCopy && region == .log ? .isDropped : .happens
            case .noRecord: return isCopy && region == .heap && event.role == .writer ? .isDropped : .happens
            case .noNodeOrBitmap:
                return isCopy && region == .heap && event.role == .checkpointer ? .isDropped : .happens
            case .noChunkTable: return isCopy && region == .chunkTable ? .isDropped : .happens
            case .noSuperblock: return isCopy && region == .superblock ? .isDropped : .happens
            case .noFlushInRecovery: return event.kind == .flush ? .isDropped : .happens
            }
        }
    }

    @Test("The explorer notices", arguments: Canary.allCases)
    func notices(canary: Canary) throws {
        let failures = try failures(canary)
        #expect(!failures.isEmpty)
    }

    @Test("The explorer finds nothing where nothing is wrong")
    func control() throws {
        let failures = try failures(nil)
        #expect(failures == [])
    }

    private func failures(_ canary: Canary?) throws -> [String] {
        var plan = CrashExplorer.Plan()
        plan.kills = 1
        plan.thoroughness = 4
        plan.failureLimit = 1
        let run = try CrashRun(seed: 11, plan: plan, context: canary?.rawValue ?? "control")
        try run.quietly {
            try run.run([.commit((0..<8).map { .put([UInt8($0)], key: [UInt8($0)], table: 1) }), .checkpoint])
        }
        let layout = run.layout
        if let canary { run.explorer.mutate { canary.effect($0, $1, layout) } }
        do {
            try run.run([
                .commit([.put([9, 9], key: [3], table: 1)]),
                .commit([.put([8], key: [200], table: 1), .delete([1], table: 1)]), .checkpoint,
                .commit([.put([7], key: [3], table: 2)]), .checkpoint,
            ])
        } catch {
            return ["\(error)"]
        }
        if canary != nil { #expect((run.memory.mutation?.strikes ?? 0) + run.explorer.tally.killed > 0) }
        return run.failures
    }
}
