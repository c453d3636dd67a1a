import CPmem
import Foundation

/// Reads of which each must wait for the one before, in memory of huge pages: no index whose nodes and records lie in
/// so much memory finds a key faster than it takes to wait for one line of each.
@safe struct ReadChain: ~Copyable {
    static let lineBytes = 64
    private static let hugePageBytes = 2 << 20

    /// Lines, every one of which comes once before the first comes again.
    let lines: Int
    private let mapped: UnsafeMutableRawPointer
    private let mappedBytes: Int
    private let base: UnsafeMutableRawPointer

    /// - Throws: ``BenchmarkFailure`` where there is no such memory.
    init(byteCount: Int, seed: UInt64 = 1) throws {
        lines = byteCount / Self.lineBytes
        mappedBytes = byteCount + Self.hugePageBytes
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard byteCount <= RunNeeds.availableMemory ?? .max,
            let mapped = unsafe mmap(nil, mappedBytes, PROT_READ | PROT_WRITE, flags, -1, 0),
            unsafe mapped != MAP_FAILED
        else { throw BenchmarkFailure(.failure, "there are no \(byteCount) bytes of memory") }
        unsafe self.mapped = mapped
        unsafe base = mapped.alignedUp(toMultipleOf: Self.hugePageBytes)
        unsafe _ = madvise(base, byteCount, MADV_HUGEPAGE)
        link(SeededGenerator(seed: seed))
    }

    deinit { unsafe munmap(mapped, mappedBytes) }

    /// Sattolo's shuffle: one circle through all lines, whatever the numbers.
    private func link(_ generator: SeededGenerator) {
        var generator = generator
        var order = (0..<UInt32(lines)).map { $0 }
        for last in stride(from: lines - 1, to: 0, by: -1) {
            order.swapAt(last, Int(generator.below(UInt64(last))))
        }
        for place in order.indices {
            let next = Int(order[place + 1 < lines ? place + 1 : 0]) * Self.lineBytes
            unsafe base.storeBytes(of: next, toByteOffset: Int(order[place]) * Self.lineBytes, as: Int.self)
        }
    }

    /// Where so many reads from a line lead.
    func follow(_ reads: Int, from start: Int = 0) -> Int {
        var offset = start * Self.lineBytes
        for _ in 0..<reads { offset = unsafe base.load(fromByteOffset: offset, as: Int.self) }
        return offset / Self.lineBytes
    }

    /// Nanoseconds of a read: of `rounds`, the fastest, because other work only adds to it, and the median.
    func measure(reads: Int, rounds: Int) throws -> (least: Double, median: Double) {
        var times: [Double] = []
        var line = follow(lines)
        for _ in 0..<rounds {
            let begun = cpm_monotonic_nanoseconds()
            line = follow(reads, from: line)
            times.append(Double(cpm_monotonic_nanoseconds() - begun) / Double(reads))
        }
        // The reads have been made, or this is not known.
        guard line == follow(reads * rounds % lines) else {
            throw BenchmarkFailure(.failure, "the chain of \(lines) lines is broken")
        }
        times.sort()
        return (times[0], times[times.count / 2])
    }
}
