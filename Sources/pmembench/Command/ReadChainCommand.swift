import ArgumentParser
import Foundation

struct ReadChainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "readchain",
        abstract: "Measures reads of memory that wait for one another, by the size of that memory.")

    @Option(help: "Sizes of the memory, in MiB, separated by commas.")
    var mebibytes = "1,27,128,512"

    @Option(help: "Reads a round.")
    var reads = 2_000_000

    @Option(help: "Rounds.")
    var rounds = 5

    func validate() throws {
        guard reads > 0, reads <= 1 << 32 else {
            throw ValidationError("--reads must be from 1 to \(1 << 32), not \(reads)")
        }
        guard rounds > 0, rounds <= 1 << 16 else {
            throw ValidationError("--rounds must be from 1 to \(1 << 16), not \(rounds)")
        }
    }

    func run() throws {
        for size in try ArgumentLists.sizes(mebibytes, option: "--mebibytes") {
            guard size <= 1 << 16 else {
                throw BenchmarkFailure(.usage, "--mebibytes must be at most \(1 << 16), not \(size)")
            }
            let chain = try ReadChain(byteCount: size << 20)
            let time = try chain.measure(reads: reads, rounds: rounds)
            print(String(format: "%6d MiB: %.1f ns a read, median %.1f ns", size, time.least, time.median))
        }
    }
}
