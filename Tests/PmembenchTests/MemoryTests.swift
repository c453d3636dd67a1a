import Testing

@testable import pmembench

/// On a file system that is memory, whoever takes memory gets it beforehand; who only reads does not wait for any.
@Suite struct MemoryTests {
    private final class Requests {
        var bytes: [Int] = []
    }

    private func requests(
        _ name: EngineName = .pmemstore, isVolatileMedium: Bool = true,
        _ body: (EngineSession<FaultyEngine<RightMemory>>, Requests) throws -> Void
    ) throws {
        let scratch = try ScratchDirectory()
        var parameters = RunParameters.small()
        parameters.keys = 100_000
        parameters.operations = 300
        parameters.isVolatileMedium = isVolatileMedium
        let session = EngineSession<FaultyEngine<RightMemory>>(
            name: name, parameters: parameters, directory: scratch.path + "/engine")
        let requests = Requests()
        session.fetchMemory = { requests.bytes.append($0) }
        try body(session, requests)
    }

    @Test func readersWaitForNone() throws {
        try requests { session, requests in
            _ = try session.round(BenchmarkCase(workload: .readrandom), seed: 1)
            // The load.
            #expect(requests.bytes.count == 1)
            #expect(requests.bytes[0] >= Int(EngineName.pmemstore.storedBytes(session.parameters)))
            let reads: [Workload] = [
                .readrandom, .readmissing, .readseq, .rangescan, .multireadrandom, .ycsbC,
            ]
            for workload in reads { _ = try session.round(BenchmarkCase(workload: workload), seed: 2) }
            #expect(requests.bytes.count == 1)
        }
    }

    @Test func writersGetWhatTheyWrite() throws {
        try requests { session, requests in
            _ = try session.round(BenchmarkCase(workload: .fillrandom), seed: 1)
            let fill = try #require(requests.bytes.first)
            requests.bytes = []
            for workload in [Workload.overwrite, .ycsbA, .ycsbF] {
                _ = try session.round(BenchmarkCase(workload: workload), seed: 2)
            }
            #expect(requests.bytes.count == 3)
            // Of 300 puts, not of the store.
            #expect(requests.bytes.allSatisfy { $0 > 0 && $0 < fill - 10_000_000 })
            requests.bytes = []
            _ = try session.round(BenchmarkCase(workload: .fillrandom), seed: 3)
            #expect(requests.bytes == [fill])
        }
    }

    @Test func cachesAreFilledAnewWhenAStoreIsOpenedAgain() throws {
        try requests(.rocksdb) { session, requests in
            _ = try session.round(BenchmarkCase(workload: .readrandom), seed: 1)
            _ = try session.round(BenchmarkCase(workload: .openClean), seed: 1)
            requests.bytes = []
            // On two threads more.
            _ = try session.round(BenchmarkCase(workload: .backup), seed: 1)
            #expect(requests.bytes.first == Int(EngineName.rocksdb.residentBytes(session.parameters)))
        }
    }

    @Test func otherMediaNeedNone() throws {
        try requests(isVolatileMedium: false) { session, requests in
            _ = try session.round(BenchmarkCase(workload: .overwrite), seed: 1)
            #expect(requests.bytes.isEmpty)
        }
    }
}

private enum RightMemory: EngineFault { static var fault: Fault { .none } }
