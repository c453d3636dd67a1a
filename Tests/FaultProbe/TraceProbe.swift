internal import CFaults
internal import Glibc
internal import PmemStore

/// Commits between two marks, for a tracer of all stores. Prints where the mapping, libpmem's code, its fence and the
/// marks are. `scripts/audit` reads both.
enum TraceProbe {
    /// - Parameter isRogue: Stores once to the mapping behind the fence, past the medium, for the audit to notice.
    static func run(_ directory: String, isRogue: Bool) throws {
        // No checkpoint comes in between: the trace does not tell threads apart.
        let store = try Store.open(directory + "/store", options: SweepScenario.uncheckpointed)
        var acknowledged: UInt64 = 0
        for count in [10, 1000, 50_000] { try SweepScenario.put(count, in: store, &acknowledged) }
        let segment = unsafe try printPlaces()
        for number in 0..<200 {
            cfaults_mark(0)
            try SweepScenario.put(number * 7 % 900, in: store, &acknowledged)
            if isRogue { unsafe (segment + (3 << 20)).storeBytes(of: 1, as: UInt8.self) }
            cfaults_mark(1)
        }
        try store.close()
    }

    /// The mapping's first byte.
    private static func printPlaces() throws -> UnsafeMutableRawPointer {
        var segment: UInt?
        for line in try Files.text("/proc/self/maps").split(separator: "\n") {
            let words = line.split(separator: " ")
            let bounds = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard bounds.count == 2, let path = words.last else { continue }
            if path.hasSuffix(".pmem") {
                print("mapping \(String(bounds[0], radix: 16)) \(String(bounds[1], radix: 16))")
                segment = segment ?? bounds[0]
            } else if path.contains("/libpmem.so"), words[1].contains("x") {
                print("door \(String(bounds[0], radix: 16)) \(String(bounds[1], radix: 16))")
            }
        }
        print("fence \(String(cfaults_fence_address(), radix: 16))")
        print(
            "marks \(String(cfaults_mark_address(0), radix: 16)) \(String(cfaults_mark_address(1), radix: 16))"
        )
        fflush(nil)
        guard let pointer = unsafe segment.flatMap({ unsafe UnsafeMutableRawPointer(bitPattern: $0) }) else {
            throw Broken(what: "the store is mapped nowhere")
        }
        return unsafe pointer
    }
}
