internal import Glibc

@testable internal import PmemStore

/// A file system of a chosen kind on a loop device, unmounted with its last reference.
final class LoopMount: Sendable {
    enum Kind: String, Sendable {
        case ext4, xfs, btrfs
        /// XFS that shares blocks but cannot tell who does.
        case xfsWithoutOwners
        /// XFS that puts files at multiples of 2 MiB.
        case xfsAligned

        var makeCommand: String {
            switch self {
            case .ext4: "mkfs.ext4 -q -F"
            case .xfs: "mkfs.xfs -q -m reflink=1,rmapbt=1"
            case .xfsWithoutOwners: "mkfs.xfs -q -m reflink=1,rmapbt=0"
            case .xfsAligned: "mkfs.xfs -q -m reflink=1,rmapbt=1 -d su=2m,sw=1"
            case .btrfs: "mkfs.btrfs -q"
            }
        }

        /// The least that mkfs accepts and a few small stores need.
        var byteCount: UInt64 {
            switch self {
            case .ext4: 24 << 20
            case .xfs, .xfsWithoutOwners: 320 << 20
            case .xfsAligned: 1 << 30
            case .btrfs: 160 << 20
            }
        }
    }

    /// Whether this machine and this user can mount such a file system. The guest has one, on its NVDIMM.
    static func isAvailable(_ kind: Kind) -> Bool {
        if let guest = Guest.fileSystem { return guest.hasPrefix(kind.rawValue) }
        guard getuid() == 0, unsafe access("/dev/loop-control", R_OK) == 0 else { return false }
        return Shell.run("command -v \(kind.makeCommand.prefix { $0 != " " })")
    }

    static let requirement =
        Guest.isHere ? "the guest has another file system" : "needs root, loop devices and mkfs"

    private let scratch: ScratchDirectory
    let path: String

    /// - Parameter byteCount: Size of the device, if not the least.
    init?(_ kind: Kind, byteCount: UInt64? = nil) {
        scratch = ScratchDirectory(.ordinaryFileSystem)
        if Guest.isHere {
            path = scratch.path
            return
        }
        path = scratch.path + "/mounted"
        let make = "truncate -s \(byteCount ?? kind.byteCount) '\(image)' && \(kind.makeCommand) '\(image)'"
        guard Shell.run("mkdir '\(path)' && \(make) && mount -o loop '\(image)' '\(path)'") else {
            return nil
        }
    }

    /// What a failed test still has open keeps the file system alive, out of sight, until the process ends.
    deinit { if path != scratch.path { Shell.run("umount '\(path)' || umount -l '\(path)'") } }

    var store: String { path + "/store" }

    /// The device's file.
    var image: String { scratch.path + "/image" }

    /// Unmounts and mounts again, so that nothing of what the kernel knew of files is left.
    func remount() -> Bool { Shell.run("umount '\(path)' && mount -o loop '\(image)' '\(path)'") }
}
