internal import CFaults
internal import PmemStore

/// Commits, and says how many fences the store has counted, how many libpmem was called for, and how many bytes of a
/// value that was built in place had their contents when they were flushed.
enum InstructionProbe {
    private static let fill: UInt8 = 0xa7
    private static let builtBytes = 100_000

    static func run(_ directory: String) throws {
        // No checkpoint comes in between, whose fences would be counted elsewhere.
        let store = try Store.open(directory + "/store", options: SweepScenario.uncheckpointed)
        var acknowledged: UInt64 = 0
        let before = store.statistics.commitMedium.fences
        cfaults_watch_flushes(Int32(fill))
        for number in 0..<20 { try SweepScenario.put(number * 7, in: store, &acknowledged) }
        try store.write { tx in
            try tx.put(byteCount: builtBytes, forKey: "built") { room in
                unsafe room.append(repeating: fill, count: builtBytes, as: UInt8.self)
            }
        }
        print("counted \(store.statistics.commitMedium.fences - before)")
        print("fences \(cfaults_fences())")
        print("flushed \(cfaults_flushed_bytes()) of \(builtBytes)")
        if cfaults_is_inert() != 0 { print("inert") }
        try store.close()
    }
}
