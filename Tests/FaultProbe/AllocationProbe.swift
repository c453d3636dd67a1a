internal import CFaults
internal import Glibc
internal import PmemStore
internal import StoreWorkloads

/// A whole life of a store in which one allocation fails. The language's runtime ends the process then; whoever looks
/// at the store afterwards must find all that was acknowledged.
enum AllocationProbe {
    /// Opens DIRECTORY/template, uses it with allocation number `n` failing, and notes what was acknowledged.
    static func run(_ directory: String, n: UInt64) -> Int32 {
        let ledger = LedgerFile(directory + "/acknowledged")
        let path = directory + "/template"
        var acknowledged: UInt64 = 0
        do {
            let store = try Store.open(path, options: SweepScenario.options)
            acknowledged = try SweepScenario.verify(store)
            try store.close()
            cfaults_arm_allocations(n, 0)
            try live(path, &acknowledged, ledger)
        } catch is StoreError {
        } catch {
            print("threw \(error), which is no StoreError")
            return 1
        }
        cfaults_disarm()
        return unsafe cfaults_failed() == nil ? 3 : 0
    }

    private static func live(_ path: String, _ acknowledged: inout UInt64, _ ledger: LedgerFile) throws {
        let store = try Store.open(path, options: SweepScenario.options)
        for count in [10, 3000, 100_000] {
            try SweepScenario.put(count, in: store, &acknowledged)
            ledger.write("\(acknowledged)")
        }
        try store.checkpoint()
        try SweepScenario.put(1, in: store, &acknowledged)
        ledger.write("\(acknowledged)")
        try store.close()
    }

    /// Prints the newest transaction that is found, after checking all of them.
    static func judge(_ directory: String) throws -> Int32 {
        let store = try Store.open(directory + "/template", options: SweepScenario.options)
        print(try SweepScenario.verify(store))
        try store.close()
        return 0
    }
}
