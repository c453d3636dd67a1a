import Foundation
import Testing

@testable import pmembench

@Suite struct RunTests {
    private static let inProcess: [Workload] = Workload.allCases.filter {
        $0 != .openKilled && $0 != .durabilitytax
    }

    @Test(arguments: EngineName.builtIn, [1, 3])
    func everyWorkloadChecksItself(engine: EngineName, threads: Int) throws {
        try engine.accept(WorkloadCheck(name: engine, threads: threads, workloads: Self.inProcess))
    }

    private struct WorkloadCheck: EngineVisitor {
        let name: EngineName
        let threads: Int
        let workloads: [Workload]

        func visit<Engine: BenchmarkEngine>(_ type: Engine.Type) throws {
            let scratch = try ScratchDirectory()
            let parameters = RunParameters.small(threads: threads)
            let session = EngineSession<Engine>(
                name: name, parameters: parameters, directory: scratch.path + "/engine")
            for workload in workloads where workload.obstacle(Engine.abilities) == nil {
                for benchmark in workload.cases(batchSizes: parameters.batchSizes) {
                    for seed in [UInt64(1), 2] {
                        let result = try session.round(benchmark, seed: seed)
                        #expect(result.operations > 0, "\(workload)")
                        #expect(result.operationsPerSecond > 0, "\(workload)")
                    }
                }
            }
            try session.finish()
        }
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

    /// Rows are kept until their next round, and no longer.
    @Test func rowsFollowTheirRounds() throws {
        let record = RunRecord()
        let benchmark = BenchmarkCase(workload: .readrandom)
        let parameters = RunParameters.small()
        let place = record.announce("", parameters, benchmark, [(.pmemstore, nil)]).places[0]
        #expect(record.rows.isEmpty && record.missingParts == [""])
        for seconds in [UInt64(1), 2] {
            let timing = Timing(nanoseconds: seconds * 1_000_000_000)
            record.add(RoundResult(operations: 600, transactions: 600, timing: timing), to: place)
            #expect(record.rows.map(\.rounds) == [seconds == 1 ? [600] : [600, 300]])
        }
        #expect(record.missingParts.isEmpty)
    }

    @Test func recordsOfATextAreFoundAgain() throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/text"
        try Data("a\t1\nb\n\na\t2\nlast\tx\ty".utf8).write(to: URL(fileURLWithPath: path))
        let records = try TextRecords(path: path)
        #expect(records.count == 5)
        let store = scratch.path + "/store"
        try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: true)
        let job = LoadJob<PmemobjEngine<PmemobjTree>>(
            name: .libpmemobj, records: records, batchSize: 2, directory: store, isVolatileMedium: true,
            progress: ProgressLine()
        )
        let report = try job.run()
        #expect(report.pairs == 4)
        #expect(report.transactions == 3)
        let engine = try PmemobjEngine<PmemobjTree>.open(in: store, options: .small)
        #expect(value(of: "a", engine) == "2")
        #expect(value(of: "b", engine) == "2")
        #expect(value(of: "", engine) == "3")
        #expect(value(of: "last", engine) == "x\ty")
        engine.close()
    }

    private func value(of key: String, _ engine: PmemobjEngine<PmemobjTree>) -> String? {
        var found = ValueCollector()
        _ = engine.get(Array(key.utf8).bytes, &found)
        return found.value.map { String(decoding: $0, as: UTF8.self) }
    }
}
