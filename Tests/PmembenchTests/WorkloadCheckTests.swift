import Testing

@testable import pmembench

/// A workload fails loudly when the engine is wrong: figures of a run that was not checked are worth nothing.
@Suite struct WorkloadCheckTests {
    @Test func nothingIsWrongWithAnEngineThatIsRight() throws {
        for workload in [Workload.fillrandom, .readrandom, .multireadrandom, .rangescan, .bank, .longreader] {
            #expect(failure(Right.self, workload) == nil)
        }
    }

    @Test(arguments: [Workload.fillseq, .fillrandom, .fillbatch, .loadsorted, .grow])
    func lostPutsAreNoticed(workload: Workload) {
        expect(failure(LosesPuts.self, workload), says: "pairs after a fill")
    }

    @Test(arguments: [Workload.readrandom, .readzipfian, .ycsbC])
    func wrongValuesAreNoticed(workload: Workload) {
        expect(failure(MixesValues.self, workload), says: "wrong values")
    }

    @Test(arguments: [Workload.readseq, .readreverse])
    func skippedPairsAreNoticed(workload: Workload) {
        expect(failure(SkipsInScans.self, workload), says: "right values")
    }

    @Test(arguments: [Workload.seekrandom, .rangescan])
    func wrongSeeksAreNoticed(workload: Workload) {
        expect(failure(SkipsInSeeks.self, workload), says: "pairs behind a seek")
    }

    @Test func lostMoneyIsNoticed() {
        expect(failure(LosesMoney.self, .bank), says: "sum of all balances")
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

    private func failure<Kind: EngineFault>(_ kind: Kind.Type, _ workload: Workload) -> String? {
        do {
            let scratch = try ScratchDirectory()
            let session = EngineSession<FaultyEngine<Kind>>(
                name: .pmemstore, parameters: .small(), directory: scratch.path + "/engine")
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
