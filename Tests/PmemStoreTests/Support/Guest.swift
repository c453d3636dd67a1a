internal import Glibc

/// The guest that `make test-dax` boots: there, `/var/tmp` is a file system with DAX on an emulated NVDIMM.
enum Guest {
    /// What was mounted: `xfs` (with reflink), `xfs-plain` (without), `ext4`; nil outside of the guest.
    static let fileSystem = variable("PMEMSTORE_DAX_FILE_SYSTEM")
    /// The domain that the guest's platform has.
    static let domain = variable("PMEMSTORE_DAX_DOMAIN") ?? "cacheLine"
    static let isHere = fileSystem != nil
    static let canShare = fileSystem == "xfs"
    static let requirement = "runs in the guest of make test-dax"
    /// Survives from one boot to the next.
    static let store = "/var/tmp/load"
    /// What is written here reaches the host at once.
    static let acknowledgements = "/dev/ttyS3"

    static func variable(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }
}
