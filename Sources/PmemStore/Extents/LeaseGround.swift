internal import CPmem
internal import Glibc

/// What a store's leases stand on: the file system as it was probed, and what the options want.
struct LeaseGround: Sendable {
    let fileSystem: FileSystem
    /// Whether the file system can make two files share blocks.
    let canShare: Bool
    /// Whether stores reach the medium without a page cache.
    let isDirect: Bool
    /// Why files are not to be sealed; nil: they are.
    let sealRefusal: String?
    /// How long stores stand still for a visitor that could do harm.
    let patienceNanoseconds: UInt64

    /// - Parameter file: A file of the store, open for writing.
    init(_ file: OpenFile, fileSystem: FileSystem, isDirect: Bool, options: StoreOptions) {
        self.fileSystem = fileSystem
        self.isDirect = isDirect
        canShare = Self.canShare(file)
        sealRefusal = Self.sealRefusal(fileSystem, isDirect: isDirect, options)
        let isDelicate = isDirect && canShare
        patienceNanoseconds =
            options.visitorPatienceNanoseconds ?? (isDelicate ? 2_000_000_000 : 20_000_000)
    }

    /// Asked of the kernel, by a request that every file system refuses: those that clone by another error than those
    /// that do not.
    static func canShare(_ file: OpenFile) -> Bool {
        guard cpm_clone_onto_itself(file.descriptor) != 0 else { return true }
        return errno != EOPNOTSUPP && errno != ENOTTY && errno != ENOSYS
    }

    private static func sealRefusal(
        _ fileSystem: FileSystem, isDirect: Bool, _ options: StoreOptions
    ) -> String? {
        if fileSystem.kind == .btrfs { return "btrfs moves blocks by itself (balance, snapshots)" }
        switch options.sealing {
        case _ where options.minimumLease >= .sealed: return nil
        case .whenPossible: return nil
        case .onDirectAccess:
            return isDirect
                ? nil : "no seal was asked for (StoreOptions.sealing) and stores pass a page cache"
        case .never: return "no seal was asked for (StoreOptions.sealing)"
        }
    }
}

extension LeaseReport {
    /// What holds for one file now.
    init(
        _ leased: LeasedFile, _ seal: ExtentSeal?, _ sealRefusal: String, _ leaseRefusal: SystemFailure?,
        _ ground: LeaseGround
    ) {
        let sealed = seal.map { "sealed by \($0.name)" }
        guard ExtentLease.state(leased.file) == .held else {
            let level: Level = leased.extents.isReported ? .detectOnly : .none
            let cause = Self.cause(leaseRefusal, leased.path)
            self.init(level: level, reason: [cause, sealed].compactMap { $0 }.joined(separator: "; "))
            return
        }
        guard let sealed else {
            self.init(level: .noticeBeforeChange, reason: "leases on all segment files; \(sealRefusal)")
            return
        }
        self.init(
            level: ground.canShare ? .sealed : .sealedUnshareable,
            reason: ground.canShare
                ? "leases, and \(sealed); \(ground.fileSystem.name) can share blocks with a clone"
                : "leases, and \(sealed); \(ground.fileSystem.name) cannot share blocks")
    }

    private static func cause(_ refusal: SystemFailure?, _ path: String) -> String {
        guard let refusal, refusal.code != EAGAIN else {
            return "fcntl(F_SETLEASE) refused on \(path): somebody has it open"
        }
        return "\(refusal.call) refused on \(path): error \(refusal.code)"
    }
}
