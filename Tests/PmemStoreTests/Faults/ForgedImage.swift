@testable internal import PmemStore
@testable internal import StoreFuzzing

/// Copies of the fuzzed store, to be forged and opened.
enum ForgedImage {
    static func make() -> FuzzMemory {
        let memory = FuzzMemory(byteCount: FuzzImage.shared.memory.byteCount)
        memory.willWrite(0, memory.byteCount)
        memory.restore(from: FuzzImage.shared.memory)
        return memory
    }

    /// What opening finds damaged; nil where it notices nothing. Other errors are thrown.
    static func corruption(_ memory: FuzzMemory) throws -> StoreError.Corruption? {
        do throws(StoreError) {
            _ = try FuzzStore(memory)
            return nil
        } catch .corrupted(let corruption) {
            return corruption
        }
    }
}
