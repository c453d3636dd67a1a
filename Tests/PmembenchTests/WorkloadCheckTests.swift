import Testing

@testable import pmembench

/// A workload fails loudly when the engine is wrong: figures of a run that was not checked are worth nothing.
@Suite struct WorkloadCheckTests {
    /// All but the one that needs a process of its own; `OpenKilledTests` has it.
    private static let all = Workload.allCases.filter { $0 != .openKilled }

    @Test(arguments: all, [1, 3])
    func nothingIsWrongWithAnEngineThatIsRight(workload: Workload, threads: Int) throws {
        #expect(failure(Right.self, workload, threads: threads) == nil)
    }

    @Test(arguments: [Workload.fillseq, .fillrandom, .fillbatch, .loadsorted, .grow])
    func lostPutsAreNoticed(workload: Workload) {
        expect(failure(LosesPuts.self, workload), says: "pairs after a fill")
    }

    @Test(arguments: [Workload.fillseq, .fillrandom, .fillbatch, .loadsorted, .grow])
    func garbledValuesAreNoticed(workload: Workload) {
        expect(failure(GarblesValues.self, workload), says: "right pairs after a fill")
    }

    /// The number at a value's beginning is right; its last byte is not.
    @Test(arguments: [Workload.fillrandom, .fillbatch, .overwrite, .ycsbA, .churn, .backup])
    func tornValuesAreNoticed(workload: Workload) {
        let failure = failure(TearsValues.self, workload)
        let parts = ["right pairs after", "wrong values in a copy"]
        #expect(parts.contains { failure?.contains($0) == true }, "\(failure ?? "nothing was noticed")")
    }

    /// Values as long as number and version have nothing behind them.
    @Test func shortestValuesWithAVersionAreRight() throws {
        let scratch = try ScratchDirectory()
        let session = EngineSession<FaultyEngine<Right>>(
            name: .pmemstore, parameters: .small(valueBytes: 16), directory: scratch.path + "/engine")
        _ = try session.round(BenchmarkCase(workload: .overwrite), seed: 1)
    }

    /// Keys that a mix has inserted are gone when it has been checked: the next round needs no load.
    @Test(arguments: [Workload.ycsbD, .ycsbE], [1, 3])
    func storesAreFullAgainAfterAMix(workload: Workload, threads: Int) throws {
        let scratch = try ScratchDirectory()
        let session = EngineSession<FaultyEngine<Right>>(
            name: .pmemstore, parameters: .small(threads: threads), directory: scratch.path + "/engine")
        _ = try session.round(BenchmarkCase(workload: .readrandom), seed: 1)
        let engine = try #require(session.engine)
        for seed in UInt64(2)...3 {
            _ = try session.round(BenchmarkCase(workload: workload), seed: seed)
            #expect(session.engine === engine)
            #expect(engine.count() == session.parameters.keys)
        }
    }

    @Test func fencesThatAreLeftOutAreNotWaitedFor() throws {
        let scratch = try ScratchDirectory()
        let session = EngineSession<FaultyEngine<Right>>(
            name: .pmemstore, parameters: .small(), directory: scratch.path + "/engine")
        let results = try Workload.durabilitytax.cases(batchSizes: []).map { try session.round($0, seed: 1) }
        #expect(results.map(\.durability) == ["nothing at all", "nothing: fences left out"])
    }

    /// Versions of later rounds come again some day; they must not run out.
    @Test func roundsMayBeMany() {
        let versions = [0, 1, 1 << 17, 1 << 40].map { WriteAudit(round: $0).firstVersion(ofThread: 1023) }
        #expect(versions[0] == versions[2] && versions[0] != versions[1])
    }

    /// Values of before are right, too: only their versions tell.
    @Test(
        arguments: [
            Workload.overwrite, .churn, .ycsbA, .ycsbF, .updaterandom, .readrandomwriterandom,
            .readwhilewriting, .seekrandomwhilewriting, .longreader,
        ], [1, 3])
    func lostUpdatesAreNoticed(workload: Workload, threads: Int) {
        expect(failure(HidesUpdates.self, workload, threads: threads), says: "whose last write was lost")
    }

    @Test(arguments: [Workload.ycsbD, .ycsbE])
    func lostInsertsAreNoticed(workload: Workload) {
        // The load loses pairs, too: whichever is read first.
        let parts = ["in a mix", "after writing", "too early"]
        let failure = failure(LosesPuts.self, workload)
        #expect(parts.contains { failure?.contains($0) == true }, "\(failure ?? "nothing was noticed")")
    }

    @Test(arguments: [Workload.deleteseq, .deleterandom])
    func deletesThatDoNothingAreNoticed(workload: Workload) {
        expect(failure(KeepsSomeDeleted.self, workload), says: "pairs after deleting all")
    }

    @Test(arguments: [(Workload.rangescan, "pairs behind a seek"), (.ycsbE, "ended too early")])
    func shortScansAreNoticed(workload: Workload, part: String) {
        expect(failure(EndsScansEarly.self, workload), says: part)
    }

    @Test func storesThatOpenWithLessAreNoticed() {
        let failure = failure(LosesWhenClosed.self, .openClean)
        #expect(failure?.contains("first pair") == true || failure?.contains("after") == true)
    }

    @Test func fencesThatWereToBeLeftOutAreNoticed() {
        expect(failure(FencesAnyway.self, .durabilitytax), says: "runs without a fence")
    }

    @Test func copiesOfManyCommitsAreNoticed() {
        expect(failure(CopiesWhatComes.self, .backup), says: "not of its commit")
    }

    @Test func copiesOfBeforeAreNoticed() {
        expect(failure(CopiesTheOld.self, .backup), says: "as new as their call")
    }

    @Test func copiesWithLessAreNoticed() {
        expect(failure(LosesInCopies.self, .backup), says: "pairs in a copy")
    }

    @Test func keysThatWereNeverPutAreNoticed() {
        expect(failure(MixesValues.self, .readmissing), says: "never put")
    }

    @Test(arguments: [Workload.readrandom, .readhot, .readzipfian, .readwhilewriting, .ycsbB, .ycsbC])
    func wrongValuesAreNoticed(workload: Workload) {
        expect(failure(MixesValues.self, workload), says: "wrong values")
    }

    @Test(arguments: [Workload.readseq, .readreverse])
    func skippedPairsAreNoticed(workload: Workload) {
        expect(failure(SkipsInScans.self, workload), says: "right values")
    }

    @Test(arguments: [Workload.seekrandom, .seekrandomwhilewriting, .rangescan])
    func wrongSeeksAreNoticed(workload: Workload) {
        expect(failure(SkipsInSeeks.self, workload), says: "pairs behind a seek")
    }

    @Test func lostMoneyIsNoticed() {
        expect(failure(LosesMoney.self, .bank), says: "sum of all balances")
    }

    @Test(arguments: [1, 3])
    func transfersThatDoNothingAreNoticed(threads: Int) {
        expect(failure(HidesTransfers.self, .bank, threads: threads), says: "wrong balance")
    }

    @Test func viewsThatMoveAreNoticed() {
        expect(failure(ForgetsViews.self, .longreader), says: "views that stayed")
    }

    @Test func keysMissedInBatchesAreNoticed() {
        expect(failure(MissesInBatches.self, .multireadrandom), says: "right values in multireadrandom")
    }

    @Test func bankNeedsRoomForABalance() throws {
        let scratch = try ScratchDirectory()
        let session = EngineSession<FaultyEngine<Right>>(
            name: .pmemstore, parameters: .small(valueBytes: 8), directory: scratch.path + "/engine")
        #expect(throws: BenchmarkFailure.self) {
            try session.round(BenchmarkCase(workload: .bank), seed: 1)
        }
    }

    /// The store that a run leaves tells which operations it did, and in which order: versions count puts.
    @Test(arguments: [Workload.overwrite, .ycsbA, .ycsbD, .ycsbF, .bank])
    func sameSeedSameOperations(workload: Workload) throws {
        let first = try contents(workload, seed: 7)
        #expect(try contents(workload, seed: 7) == first)
        #expect(try contents(workload, seed: 8) != first)
    }

    private func contents(_ workload: Workload, seed: UInt64) throws -> UInt64 {
        let scratch = try ScratchDirectory()
        let session = EngineSession<FaultyEngine<Right>>(
            name: .pmemstore, parameters: .small(), directory: scratch.path + "/engine")
        _ = try session.round(BenchmarkCase(workload: workload), seed: seed)
        var digest = ScanDigest(shape: session.parameters.shape)
        _ = try #require(session.engine).scan(reverse: false, &digest)
        return digest.digest
    }

    private func failure<Kind: EngineFault>(
        _ kind: Kind.Type, _ workload: Workload, threads: Int = 1
    ) -> String? {
        do {
            let scratch = try ScratchDirectory()
            let session = EngineSession<FaultyEngine<Kind>>(
                name: .pmemstore, parameters: .small(threads: threads), directory: scratch.path + "/engine")
            for benchmark in workload.cases(batchSizes: [7]) { _ = try session.round(benchmark, seed: 1) }
            return nil
        } catch {
            return "\(error)"
        }
    }

    private func expect(_ failure: String?, says part: String) {
        #expect(failure?.contains(part) == true, "\(failure ?? "nothing was noticed")")
    }
}

private enum Right: EngineFault { static var fault: Fault { .none } }
private enum LosesPuts: EngineFault { static var fault: Fault { .losesPuts } }
private enum MixesValues: EngineFault { static var fault: Fault { .mixesValues } }
private enum SkipsInScans: EngineFault { static var fault: Fault { .skipsInScans } }
private enum SkipsInSeeks: EngineFault { static var fault: Fault { .skipsInSeeks } }
private enum LosesMoney: EngineFault { static var fault: Fault { .losesMoney } }
private enum ForgetsViews: EngineFault { static var fault: Fault { .forgetsViews } }
private enum MissesInBatches: EngineFault { static var fault: Fault { .missesInBatches } }
private enum GarblesValues: EngineFault { static var fault: Fault { .garblesValues } }
private enum HidesUpdates: EngineFault { static var fault: Fault { .hidesUpdates } }
private enum HidesTransfers: EngineFault { static var fault: Fault { .hidesTransfers } }
private enum KeepsSomeDeleted: EngineFault { static var fault: Fault { .keepsSomeDeleted } }
private enum EndsScansEarly: EngineFault { static var fault: Fault { .endsScansEarly } }
private enum LosesWhenClosed: EngineFault { static var fault: Fault { .losesWhenClosed } }
private enum FencesAnyway: EngineFault { static var fault: Fault { .fencesAnyway } }
private enum CopiesWhatComes: EngineFault { static var fault: Fault { .copiesWhatComes } }
private enum CopiesTheOld: EngineFault { static var fault: Fault { .copiesTheOld } }
private enum TearsValues: EngineFault { static var fault: Fault { .tearsValues } }
private enum LosesInCopies: EngineFault { static var fault: Fault { .losesInCopies } }
