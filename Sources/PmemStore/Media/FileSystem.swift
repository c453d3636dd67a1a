internal import CPmem
internal import Glibc

/// What the engine must know of the file system that a store lies on.
package struct FileSystem: Sendable, Equatable {
    /// The kinds that are treated apart; everything else is `other`.
    package enum Kind: Sendable, Equatable {
        case ext4, xfs, btrfs, tmpfs, ramfs, overlay, other(UInt64)
    }

    package let kind: Kind
    /// The kernel's identifier of the mounted file system.
    package let identifier: UInt64

    /// Asks for the file system that holds an open file.
    package init(descriptor: Int32) throws(SystemFailure) {
        var answer = statfs()
        guard unsafe fstatfs(descriptor, &answer) == 0 else { throw SystemFailure("fstatfs") }
        self.init(answer)
    }

    /// Asks for the file system that holds a path.
    package init(path: String) throws(SystemFailure) {
        var answer = statfs()
        guard unsafe statfs(path, &answer) == 0 else { throw SystemFailure("statfs") }
        self.init(answer)
    }

    private init(_ answer: statfs) {
        kind = Kind(magic: UInt64(truncatingIfNeeded: answer.f_type) & 0xffff_ffff)
        let (low, high) = answer.f_fsid.__val
        identifier = UInt64(UInt32(bitPattern: low)) | UInt64(UInt32(bitPattern: high)) << 32
    }

    /// The name that a user knows it by.
    package var name: String {
        switch kind {
        case .ext4: "ext4"
        case .xfs: "xfs"
        case .btrfs: "btrfs"
        case .tmpfs: "tmpfs"
        case .ramfs: "ramfs"
        case .overlay: "overlay"
        case .other(let magic): "0x" + String(magic, radix: 16)
        }
    }

    /// True when the contents live in memory only.
    package var forgetsAtPowerCut: Bool { kind == .tmpfs || kind == .ramfs }
}

extension FileSystem.Kind {
    init(magic: UInt64) {
        switch magic {
        case UInt64(CPM_EXT4_MAGIC): self = .ext4
        case UInt64(CPM_XFS_MAGIC): self = .xfs
        case UInt64(CPM_BTRFS_MAGIC): self = .btrfs
        case UInt64(CPM_TMPFS_MAGIC): self = .tmpfs
        case UInt64(CPM_RAMFS_MAGIC): self = .ramfs
        case UInt64(CPM_OVERLAY_MAGIC): self = .overlay
        default: self = .other(magic)
        }
    }
}
