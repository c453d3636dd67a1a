/// What a medium remembers until its fence, where a flush is no instruction: pages to sync, or lines to save.
///
/// A fence speaks for its own thread only, so each thread has its own list. A thread that ends without a fence leaves
/// a list behind; whoever gets its identity next makes a little more durable than needed, which is harmless.
@safe package class DeferredWrites: @unchecked Sendable {
    /// Whether the mapping that is written is whole, and the word that says so.
    final let health: MappingHealth
    final let faults: UnsafePointer<UInt32>

    init(health: MappingHealth) {
        self.health = health
        unsafe faults = health.faultWord
    }

    /// Remembers that the calling thread has started to write `byteCount` bytes at `offset`.
    func insert(_ offset: UInt64, _ byteCount: Int) {}

    /// Makes durable what the calling thread has inserted, and returns the number of system calls.
    func synchronize(base: UnsafeMutableRawPointer) throws(StoreError) -> UInt64 { 0 }
}
