/// The door to the medium: every persistent store, flush and fence of the engine goes through this protocol.
///
/// The engine is generic over it. ``DirectMedium`` is the implementation for production; its methods become bare
/// instructions when the engine is specialised. Recording and simulating implementations serve the tests. Swift may
/// tear, merge or reorder plain stores, so nothing else in the code base writes to the mapping.
///
/// Offsets are bytes from the start of the store's address range. A method says *started* where durability needs a
/// later ``drain(site:)`` by the same thread.
package protocol Medium: Sendable {
    /// Whether fetching lines ahead of their use pays.
    static var fetchesAhead: Bool { get }

    /// Address of offset 0. For reading only, and only what ``read(_:_:)`` was asked for.
    var base: UnsafeMutableRawPointer { get }

    /// Loads an aligned 8-byte word.
    func load8(_ offset: UInt64) -> UInt64

    /// Announces that `byteCount` bytes at `offset` are about to be read and returns their address.
    func read(_ offset: UInt64, _ byteCount: Int) -> UnsafeRawPointer

    /// As ``read(_:_:)``, of bytes that one checksum covers: the caller computes it, and refuses all where it is wrong.
    /// A simulating medium tries fewer torn parts of them together (docs/crash-model.md, "Futures that are alike").
    func readChecked(_ offset: UInt64, _ byteCount: Int) -> UnsafeRawPointer

    /// Stores an aligned 8-byte word. Needs a flush and a drain.
    func store8(_ offset: UInt64, _ value: UInt64, site: CallSite)

    /// Starts a copy by non-temporal stores, in 8-byte units of no particular order. Needs a drain, no flush.
    func copyIn(_ offset: UInt64, _ source: UnsafeRawPointer, _ byteCount: Int, site: CallSite)

    /// Lends the mapping itself to `body`, which fills it in place; starts the write-back of what was filled.
    func construct<R>(
        _ offset: UInt64, _ byteCount: Int, site: CallSite,
        _ body: (UnsafeMutableRawBufferPointer) throws -> R
    ) rethrows -> R

    /// Starts the write-back of the lines that hold `byteCount` bytes at `offset`.
    func flush(_ offset: UInt64, _ byteCount: Int, site: CallSite)

    /// Waits until everything this thread started is durable: the fence.
    ///
    /// In the page domain this is the system call, and it can fail. It also fails when the file no longer backs
    /// what was stored; see ``requireWhole()``.
    func drain(site: CallSite) throws(StoreError)

    /// Throws when the mapping is not whole any more, so that nothing that was read or stored can be relied upon.
    func requireWhole() throws(StoreError)

    /// Tells a recording medium what the engine believes at this point. Nothing in production.
    func note(_ event: MediumEvent)
}

extension Medium {
    @inline(__always)
    package func readChecked(_ offset: UInt64, _ byteCount: Int) -> UnsafeRawPointer {
        unsafe read(offset, byteCount)
    }
}

/// What the engine believes at a point between two persistence events.
package enum MediumEvent: Sendable, Equatable {
    /// Recovery begins.
    case recoveryBegan
    /// Recovery has ended and commits are accepted.
    case recoveryEnded
    /// The commit is durable and about to be acknowledged.
    case acknowledged(commit: UInt64)
    /// A checkpoint of the commit is durable.
    case checkpointed(commit: UInt64)
}
