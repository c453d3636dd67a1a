/// How a store is created, opened and run. Every option has a default that is safe.
public struct StoreOptions: Sendable, Equatable {
    /// What to do about the path.
    public enum Creation: Sendable, Equatable {
        /// Open the store; create it when nothing is there.
        case ifMissing
        /// Open an existing store; never create one.
        case never
        /// Create a store; refuse when something is there.
        case always
    }

    /// When to seal the files: to make them immutable, by a flag that takes the privilege CAP_LINUX_IMMUTABLE.
    ///
    /// A sealed file cannot be removed, not even by root. ``Store/close()`` removes the seal; after a crash the next
    /// open does, or `chattr -i -a`.
    public enum Sealing: Sendable, Equatable {
        /// Never.
        case never
        /// Where stores reach the medium without a page cache, if the privilege is there.
        case onDirectAccess
        /// Wherever the privilege is there and the file system lets our own stores pass.
        case whenPossible
    }

    /// What to do about the path. Default: ``Creation/ifMissing``.
    public var creation: Creation = .ifMissing

    /// Must be set before a store opens on memory that forgets at a power cut (tmpfs). Default: false.
    public var acceptsVolatileMedium = false

    /// Size of a new store in bytes; it grows online. A smaller ``quotaBytes`` cuts it.
    /// Default: 32 MiB.
    public var initialBytes: UInt64 = 32 << 20

    /// The store never grows beyond this many bytes; nil: as far as the file system goes.
    public var quotaBytes: UInt64?

    /// Size of the commit log of a new store, in bytes: 64 KiB to 4 GiB. Default: 8 MiB.
    public var logBytes: UInt64 = 8 << 20

    /// The time that opening after a crash should take at most, in nanoseconds; checkpoints are paced by it.
    /// At least 1 ms. Default: 100 ms.
    public var recoveryTimeTargetNanoseconds: UInt64 = 100_000_000

    /// Computes the checksum of every record that is read, and of large values, so that a flipped bit in a value is an
    /// error instead of a wrong answer, and one in a key an error instead of a missing pair. Costs a pass over the
    /// bytes. Default: false: 16 bits of the record's checksum are compared with what the leaf says, which notices lost
    /// and misplaced records.
    public var verifiesRecordsOnRead = false

    /// The least that must keep others from changing the files' block map; a store that cannot have it is refused with
    /// ``StoreError/OpenFailure/leaseTooWeak(path:demanded:reached:reason:)``. Default: none.
    public var minimumLease: LeaseReport.Level = .none

    /// When the files are sealed against everybody. Default: ``Sealing/onDirectAccess``.
    public var sealing: Sealing = .onDirectAccess

    /// How long writers wait for somebody who has opened a segment file and could share or change its blocks, in
    /// nanoseconds. After that, writers go on, one by one, each behind a look at the block map. nil: 20 ms, and 2 s
    /// where stores reach the medium directly and blocks can be shared. Default: nil.
    public var visitorPatienceNanoseconds: UInt64?

    /// Turns a SIGBUS in this store's address range (a file that was cut, a file system without space, a memory error)
    /// into an error, by a handler that passes every other SIGBUS on. Without, it ends the process. Default: true.
    public var catchesBusErrors = true

    /// Leaves the fence out of every commit, to measure what it costs. Only on a volatile medium. Default: false.
    public var elidesFencesOnVolatileMedium = false

    /// Pretends that the medium is volatile and forces its domain to it, for measurements. Default: false.
    public var forcesVolatileDomain = false

    /// Lets the files hold only what would survive a power cut, so that killing the process is one. For tests.
    /// Default: nil: what the environment variable `PMEMSTORE_POWER_CUT` says, which is not set.
    public var powerCut: PowerCutMode?

    /// The store's default options.
    public init() {}
}
