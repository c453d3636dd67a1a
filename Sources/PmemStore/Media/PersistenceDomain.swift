internal import CPmem

/// What must happen to a store in memory before it survives a power cut.
public enum PersistenceDomain: String, Sendable, Equatable {
    /// Its cache line must be written back, and a fence must follow (ADR, GPF).
    case cacheLine
    /// A fence must follow: the caches themselves are inside the power-fail domain (eADR).
    case extendedCache
    /// Its page must be synced by a system call: an ordinary file system.
    case page
    /// Nothing helps: the medium forgets. The code is that of ``cacheLine``; never call it durable.
    case volatile

    /// True when an acknowledged commit survives a power cut.
    public var isDurable: Bool { self != .volatile }
}

/// The persistence domain that a store found itself in, and why.
public struct PersistenceReport: Sendable, Equatable {
    /// What must happen to a store before it survives a power cut.
    public let domain: PersistenceDomain
    /// How that was found out.
    public let reason: String
    /// The file system's name.
    public let fileSystem: String
    /// True when the kernel says that the file is accessed without the page cache.
    public let isDAX: Bool
    /// True when the file system granted `MAP_SYNC`.
    public let mapSync: Bool
    /// True when the store runs in ``PowerCutMode``.
    public let isPowerCutMode: Bool

    /// True when an acknowledged commit survives a power cut.
    public var isDurable: Bool { domain.isDurable }
}

extension PersistenceReport {
    /// Finds out the domain of an open, not yet mapped segment file.
    init(descriptor: Int32, fileSystem: FileSystem, options: StoreOptions) {
        let mapSync = Mapping.grantsSync(descriptor: descriptor)
        let (domain, reason) = Self.judge(fileSystem, mapSync: mapSync, options)
        self.init(
            domain: domain, reason: reason, fileSystem: fileSystem.name,
            isDAX: cpm_is_dax(descriptor) == 1, mapSync: mapSync, isPowerCutMode: options.powerCut != nil)
    }

    private static func judge(
        _ fileSystem: FileSystem, mapSync: Bool, _ options: StoreOptions
    ) -> (PersistenceDomain, String) {
        if let mode = options.powerCut {
            return (.volatile, "power-cut mode with seed \(mode.seed): nothing is synced to the device")
        }
        if fileSystem.forgetsAtPowerCut { return (.volatile, volatileReason(fileSystem)) }
        if options.forcesVolatileDomain { return (.volatile, "the option forcesVolatileDomain was set") }
        guard mapSync else { return (.page, "\(fileSystem.name) did not grant MAP_SYNC") }
        guard pmem_has_auto_flush() == 1 else {
            return (
                .cacheLine, "\(fileSystem.name) granted MAP_SYNC, flushes are needed"
            )
        }
        return (
            .extendedCache, "\(fileSystem.name) granted MAP_SYNC, caches survive a power cut"
        )
    }

    static func volatileReason(_ fileSystem: FileSystem) -> String {
        "\(fileSystem.name) forgets at a power cut"
    }

    /// How the medium carries out flushes and fences here.
    var discipline: DirectMedium.Discipline {
        if isPowerCutMode { return .deferred }
        return switch domain {
        case .cacheLine, .volatile: .lines
        case .extendedCache: .fencesOnly
        case .page: .deferred
        }
    }

    /// How the segment files are mapped here.
    var backing: Mapping.Backing {
        if isPowerCutMode { return .copied }
        return mapSync ? .synchronous : .shared
    }
}
