/// What one round of one case on one engine gave.
struct RoundResult: Sendable {
    var operations: Int
    var transactions: Int
    var timing: Timing
    var counters: MediumCounters?
    var checkpointCounters: MediumCounters?
    var bytesPerPair: Double?
    var backgroundWritesPerSecond: Double?
    /// Longest call of the writer beside a backup.
    var longestWriteNanoseconds: UInt64?
    /// Bytes of keys and values that a backup copied.
    var copiedBytes: Int?
    var latencySampling: Int?
    /// Page faults of the process that needed no input from a device.
    var minorFaults: Int?
    var domain = ""
    var durability = ""
    var lease = ""

    var operationsPerSecond: Double {
        Double(operations) * 1e9 / Double(max(timing.nanoseconds, 1))
    }

    var copiedBytesPerSecond: Double? {
        copiedBytes.map { Double($0) * 1e9 / Double(max(timing.nanoseconds, 1)) }
    }

    func perTransaction(_ total: UInt64?) -> Double? {
        guard let total, transactions > 0 else { return nil }
        return Double(total) / Double(transactions)
    }
}
