import Testing

@testable internal import PmemStore

/// What the store counts, it does: libpmem's own functions are looked at, in a process in which they come second.
@Suite("Costs: fences and flushes that reach libpmem")
struct InstructionTests {
    @Test(
        "Each fence that is counted is made, and a value that is built in place is flushed when it is there")
    func commits() throws {
        let scratch = ScratchDirectory(.volatileMemory)
        let end = Probe.run(["instructions", scratch.path])
        try #require(end.code == 0, "\(end.output)")
        var numbers: [Substring: Int] = [:]
        for line in end.output.split(separator: "\n") {
            let words = line.split(separator: " ")
            numbers[words[0]] = words.count > 1 ? Int(words[1]) : nil
        }
        // Where a sanitizer has its own idea of the C library, nothing is looked at.
        if end.output.contains("inert") { return }
        #expect(numbers["counted"] == 21, "\(end.output)")
        #expect(numbers["fences"] == 21, "\(end.output)")
        #expect((numbers["flushed"] ?? 0) >= 100_000, "\(end.output)")
    }
}
