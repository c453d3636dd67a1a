import PmemStore

/// One line for each rung that is not the highest: how to get the next.
enum Advice {
    static func lines(
        _ probe: PlaceProbe?, _ store: StoreInspection?, _ privileges: Privileges
    ) -> [String] {
        (probe.map { persistence($0) + lease($0, privileges) + alignment($0) + sharing($0, privileges) } ?? [])
            + (store.map(repair) ?? [])
    }

    private static func persistence(_ probe: PlaceProbe) -> [String] {
        switch probe.persistence.domain {
        case .extendedCache: []
        case .cacheLine: ["persistence: a platform with eADR would make flushes needless"]
        case .page:
            [
                "persistence: a commit costs a sync here; put the store on ext4 or XFS, mounted with -o dax on a "
                    + "persistent-memory namespace in fsdax mode (ndctl create-namespace --mode fsdax)"
            ]
        case .volatile:
            [
                "persistence: \(probe.persistence.fileSystem) forgets at a power cut; use a file system on a device"
            ]
        }
    }

    private static func lease(_ probe: PlaceProbe, _ privileges: Privileges) -> [String] {
        switch probe.lease.level {
        case .sealedUnshareable: []
        case .sealed:
            [
                "lease: a file system that cannot share blocks lets nobody clone segments: ext4, or XFS made with "
                    + "mkfs.xfs -m reflink=0"
            ]
        case .noticeBeforeChange where !privileges.has("CAP_LINUX_IMMUTABLE"):
            [
                "lease: with the capability CAP_LINUX_IMMUTABLE (root has it) segments are sealed against everybody"
            ]
        case .noticeBeforeChange, .detectOnly, .none:
            ["lease: \(probe.lease.reason); ext4 and XFS give stronger ones"]
        }
    }

    private static func alignment(_ probe: PlaceProbe) -> [String] {
        guard let share = probe.extents.hugePageShare, share < 1, probe.persistence.fileSystem != "btrfs"
        else {
            return []
        }
        let remedy =
            probe.persistence.fileSystem == "xfs"
            ? "make the file system with mkfs.xfs -d su=2m,sw=1, on a partition that begins at a multiple of 2 MiB"
            : "use a partition that begins at a multiple of 2 MiB, and less fragmented free space"
        return ["huge pages: \(Int(share * 100)) % of a new segment could be mapped by 2 MiB; \(remedy)"]
    }

    private static func sharing(_ probe: PlaceProbe, _ privileges: Privileges) -> [String] {
        guard probe.canShare else { return [] }
        var lines: [String] = []
        if probe.persistence.mapSync {
            lines.append(
                "reflink: with DAX, a store to a block that a clone shares can lose bytes at a power cut; the store "
                    + "keeps that from happening, a file system without reflink makes it impossible")
        }
        if probe.persistence.fileSystem == "xfs" && !privileges.has("CAP_SYS_ADMIN") {
            lines.append("reflink: only root (CAP_SYS_ADMIN) can find clones of segments and end the sharing")
        }
        if probe.persistence.fileSystem == "xfs" {
            lines.append(
                "reflink: clones are found by the reverse map, which takes a file system made with "
                    + "mkfs.xfs -m rmapbt=1")
        }
        return lines
    }

    private static func repair(_ store: StoreInspection) -> [String] {
        var lines: [String] = []
        if store.isInUse, store.segments.contains(where: { $0.extents == nil && $0.problem == nil }) {
            lines.append(
                "store: in use and not visited, so block maps were not measured; the process can: "
                    + "Store.verifyExtents(), Store.preallocation")
        }
        if !store.isInUse, store.segments.contains(where: { !$0.seal.isEmpty }) {
            lines.append(
                "store: sealed by a process that was killed; the next opening removes that, or chattr -i -a")
        }
        if store.segments.contains(where: { $0.extents.map { !Sharing.extents(of: $0).isEmpty } ?? false }) {
            lines.append(
                "store: blocks are shared with a clone; opening the store as root ends that, or delete the clone"
            )
        }
        if store.segments.contains(where: \.hasMoved) {
            lines.append(
                "store: blocks were moved while it was closed; that is harmless, and what did it may do it again"
            )
        }
        return lines
    }
}
