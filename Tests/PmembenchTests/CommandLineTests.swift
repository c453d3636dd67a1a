import Testing

@testable import pmembench

@Suite struct CommandLineTests {
    @Test func listsAreParsed() throws {
        #expect(
            try ArgumentLists.workloads("fillrandom, readrandom,ycsb_a") == [
                .fillrandom, .readrandom, .ycsbA,
            ])
        #expect(try ArgumentLists.engines("libpmemobj,pmemstore") == [.libpmemobj, .pmemstore])
        #expect(try ArgumentLists.sizes("1,10,1000", option: "--batch-size") == [1, 10, 1000])
    }

    @Test(arguments: ["", "fillrandom,", "nosuch", "fillrandom,nosuch"])
    func unknownWorkloadsAreNamed(text: String) {
        expectUsageFailure("no such workload") { _ = try ArgumentLists.workloads(text) }
    }

    @Test(arguments: ["", "0", "-1", "ten", "1,,2", "1.5"])
    func wrongSizesAreNamed(text: String) {
        expectUsageFailure("--batch-size") { _ = try ArgumentLists.sizes(text, option: "--batch-size") }
    }

    @Test func parametersAreBounded() {
        expectUsageFailure("--keys") { try Self.parameters(keys: 0).validate() }
        expectUsageFailure("--key-size") { try Self.parameters(keyBytes: 0).validate() }
        expectUsageFailure("--key-size") { try Self.parameters(keys: 257, keyBytes: 1).validate() }
        expectUsageFailure("--value-size") { try Self.parameters(valueBytes: -1).validate() }
        #expect(throws: Never.self) { try Self.parameters(keys: 256, keyBytes: 1).validate() }
    }

    @Test func missingPathsAreNamed() {
        expectUsageFailure("mkdir -p") { _ = try Directory(checking: "/no/such/directory") }
        expectUsageFailure("is no directory") { _ = try Directory(checking: "/etc/passwd") }
        expectUsageFailure("does not exist") { _ = try TextRecords(path: "/no/such/file") }
        expectUsageFailure("is a directory") { _ = try TextRecords(path: "/tmp") }
    }

    private static func parameters(keys: Int = 10, keyBytes: Int = 16, valueBytes: Int = 100) -> RunParameters
    {
        RunParameters(
            keys: keys, shape: PairShape(keyBytes: keyBytes, valueBytes: valueBytes), batchSizes: [1],
            threads: 1,
            rounds: 1, seed: 1, latencySampling: 16, isVolatileMedium: true)
    }

    private func expectUsageFailure(_ part: String, _ body: () throws -> Void) {
        do {
            try body()
            Issue.record("nothing was refused")
        } catch let failure as BenchmarkFailure {
            #expect(failure.kind == .usage)
            #expect(failure.description.contains(part))
            #expect(!failure.description.contains("\n"))
        } catch {
            Issue.record("\(error)")
        }
    }
}
