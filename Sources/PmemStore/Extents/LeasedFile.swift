internal import CPmem
internal import Glibc

/// An open file whose blocks must stay where they were when it was opened or built.
struct LeasedFile: Sendable {
    let file: OpenFile
    /// Its name now; ``file`` may have been opened by another one, before it was complete.
    let path: String
    let extents: ExtentMap
    /// Where the file has its name, by a descriptor: the directory itself may be renamed. nil: it never had one.
    let home: OpenFile?

    /// What has become of the block map.
    enum Verdict: Equatable, Sendable {
        case same
        /// Every block is where it was, but others have a share in some: the next store would move them.
        case shared(String)
        /// The promise is broken.
        case changed(String)
    }

    /// Measures the map again. Two system calls for a file of up to 64 extents, about 2 microseconds.
    func verdict() -> Verdict {
        do throws(SystemFailure) {
            let status = try file.status()
            if status.st_size < Int64(extents.byteCount) {
                return .changed("the file was cut to \(status.st_size) of \(extents.byteCount) bytes")
            }
            if !isNamed(status) { return .changed("the file was renamed or removed") }
            let now = try ExtentMap(descriptor: file.descriptor, byteCount: extents.byteCount)
            guard let difference = now.firstDifference(from: extents) ?? now.disqualifier else {
                return .same
            }
            let isInPlace = now.withoutSharing.firstDifference(from: extents) == nil
            return isInPlace ? .shared(now.disqualifier ?? difference) : .changed(difference)
        } catch {
            return .changed("it cannot be measured: \(error.call), error \(error.code)")
        }
    }

    /// A file that has lost its name loses everything when it is closed.
    private func isNamed(_ status: stat) -> Bool {
        guard let home else { return true }
        var named = stat()
        let name = String(path.split(separator: "/").last ?? "")
        guard unsafe fstatat(home.descriptor, name, &named, AT_SYMLINK_NOFOLLOW) == 0 else { return false }
        return named.st_ino == status.st_ino && named.st_dev == status.st_dev
    }
}
