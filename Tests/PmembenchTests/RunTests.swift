import Foundation
import Testing

@testable import pmembench

@Suite struct RunTests {
    private static let inProcess: [Workload] = Workload.allCases.filter {
        $0 != .openKilled && $0 != .durabilitytax
    }

    @Test(arguments: inProcess, [1, 3])
    func everyWorkloadChecksItselfOnLibpmemobj(workload: Workload, threads: Int) throws {
        try check(PmemobjEngine.self, workload, threads)
    }

    @Test(arguments: inProcess, [1, 3])
    func everyWorkloadChecksItselfOnPmemStore(workload: Workload, threads: Int) throws {
        try check(PmemStoreEngine.self, workload, threads)
    }

    private func check<Engine: BenchmarkEngine>(
        _ type: Engine.Type, _ workload: Workload, _ threads: Int
    ) throws {
        let scratch = try ScratchDirectory()
        let parameters = RunParameters(
            keys: 2000, shape: PairShape(keyBytes: 16, valueBytes: 30), batchSizes: [1, 7, 1000],
            threads: threads, rounds: 2, seed: 5, latencySampling: 4, isVolatileMedium: true)
        let session = EngineSession<Engine>(parameters: parameters, directory: scratch.path + "/engine")
        for benchmark in workload.cases(batchSizes: parameters.batchSizes) {
            for seed in [UInt64(1), 2] {
                let result = try session.round(benchmark, seed: seed)
                #expect(result.operations > 0)
                #expect(result.operationsPerSecond > 0)
            }
        }
        try session.finish()
    }

    @Test func rowsCarryNullForWhatIsNotKnown() throws {
        let row = BenchmarkRow(
            benchmark: "fillrandom", engine: .libpmemobj, threads: 1, keys: 10, keyBytes: 16, valueBytes: 100,
            operationsPerTransaction: 1, domain: "volatile", lease: "none", operationsPerSecond: 12.5, seed: 1
        )
        let text = try JSONReport.text([row])
        let parsed = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]]
        let first = try #require(parsed?.first)
        for key in ["latencyNanoseconds", "fencesPerTransaction", "bytesPerPair"] {
            #expect(first[key] is NSNull)
        }
        #expect(first["engine"] as? String == "libpmemobj")
    }

    @Test func recordsOfATextAreFoundAgain() throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/text"
        try Data("a\t1\nb\n\na\t2\nlast\tx\ty".utf8).write(to: URL(fileURLWithPath: path))
        let records = try TextRecords(path: path)
        #expect(records.count == 5)
        let store = scratch.path + "/store"
        try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: true)
        let job = LoadJob<PmemobjEngine>(
            records: records, batchSize: 2, directory: store, isVolatileMedium: true, progress: ProgressLine()
        )
        let report = try job.run()
        #expect(report.pairs == 4)
        #expect(report.transactions == 3)
        let engine = try PmemobjEngine.open(in: store, options: .small)
        #expect(value(of: "a", engine) == "2")
        #expect(value(of: "b", engine) == "2")
        #expect(value(of: "", engine) == "3")
        #expect(value(of: "last", engine) == "x\ty")
        engine.close()
    }

    private func value(of key: String, _ engine: PmemobjEngine) -> String? {
        var found = ValueCollector()
        _ = engine.get(Array(key.utf8).bytes, &found)
        return found.value.map { String(decoding: $0, as: UTF8.self) }
    }
}
