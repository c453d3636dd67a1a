internal import Glibc

@testable internal import PmemStore

/// A store of a test's own, in memory unless said otherwise, small enough that what must happen rarely happens soon.
final class StoreFixture {
    let scratch: ScratchDirectory
    var options: StoreOptions
    private var opened: Store?

    init(_ place: Place = .volatileMemory, _ change: (inout StoreOptions) -> Void = { _ in }) throws {
        scratch = ScratchDirectory(place)
        options = StoreOptions()
        options.acceptsVolatileMedium = true
        options.initialBytes = 16 << 20
        options.logBytes = 1 << 20
        change(&options)
        opened = try Store.open(scratch.store, options: options)
    }

    var store: Store {
        guard let opened else { preconditionFailure("the fixture's store is not open") }
        return opened
    }

    /// Closes the store and opens it again.
    func reopen() throws {
        try store.close()
        opened = nil
        opened = try Store.open(scratch.store, options: options)
    }

    /// Lets go of the store without closing it; its last reference closes it.
    func reopenWithoutClosing() throws {
        opened = nil
        opened = try Store.open(scratch.store, options: options)
    }

    /// Opens the store as a process that was killed leaves it: no last checkpoint, everything since in the log.
    func reopenAsIfKilled() throws {
        store.forgetToCheckpoint()
        opened = nil
        opened = try Store.open(scratch.store, options: options)
    }
}

extension Store {
    /// A poisoned store does not save a checkpoint when it is let go.
    fileprivate func forgetToCheckpoint() {
        engine.stopMaintenance()
        engine.gate.enter()
        engine.writer.poisonReason = "the test has ended this store's life"
        engine.gate.leave()
    }
}

extension Place {
    /// Bytes that could still be written there.
    var freeBytes: UInt64 {
        var status = statvfs()
        guard unsafe statvfs(root, &status) == 0 else { return 0 }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize)
    }
}
