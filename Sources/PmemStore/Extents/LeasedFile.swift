internal import CPmem
internal import Glibc

/// An open file whose blocks must stay where they were when it was opened or built.
struct LeasedFile: Sendable {
    let file: OpenFile
    let extents: ExtentMap

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
            let size = try file.status().st_size
            if size < Int64(extents.byteCount) {
                return .changed("the file was cut to \(size) of \(extents.byteCount) bytes")
            }
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

    /// - Throws: ``StoreError/OpenFailure/extentsChanged(path:reason:)``.
    func verify() throws(StoreError) {
        switch verdict() {
        case .same: return
        case .shared(let reason), .changed(let reason):
            throw .open(.extentsChanged(path: file.path, reason: reason))
        }
    }
}
