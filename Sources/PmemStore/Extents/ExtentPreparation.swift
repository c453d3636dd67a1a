internal import CPmem
internal import Glibc

/// The steps by which a range of a file gets extents that no store in memory changes: allocated, written, synced,
/// measured. In-file growth and segments are made of them.
struct ExtentPreparation {
    let fileSystem: FileSystem
    let stage: FailureStage

    private static let zeroBlockBytes = 1 << 20

    /// For a file that is still empty.
    func askForStableExtents(_ file: OpenFile) throws(StoreError) {
        switch fileSystem.kind {
        case .xfs: askForLargeExtents(file)
        case .btrfs: try forbidCopyOnWrite(file)
        default: break
        }
    }

    /// A hint only: extents in units that huge pages can map, and no defragmentation. Refusal is no failure.
    private func askForLargeExtents(_ file: OpenFile) {
        var attributes = cpm_fsxattr()
        guard unsafe cpm_get_fsxattr(file.descriptor, &attributes) == 0 else { return }
        attributes.flags |= CPM_XFLAG_EXTSIZE | CPM_XFLAG_NODEFRAG
        attributes.extentSize = UInt32(SegmentLayout.chunkBytes)
        _ = unsafe cpm_set_fsxattr(file.descriptor, &attributes)
    }

    private func forbidCopyOnWrite(_ file: OpenFile) throws(StoreError) {
        var flags: Int32 = 0
        var isForbidden = false
        if unsafe cpm_get_flags(file.descriptor, &flags) == 0 {
            flags |= CPM_FLAG_NOCOW
            isForbidden = unsafe cpm_set_flags(file.descriptor, &flags) == 0
        }
        guard isForbidden else {
            throw .open(
                .unsupportedFileSystem(
                    path: file.path, name: fileSystem.name,
                    remedy: "copy-on-write cannot be switched off here; use ext4, or XFS without reflink"))
        }
    }

    /// Allocates, writes and syncs what lies between two offsets. Nothing before is touched.
    func fill(_ file: OpenFile, from start: UInt64, to end: UInt64) throws(StoreError) {
        let done =
            fileSystem.kind == .tmpfs ? HugePageFill(file: file).fill(from: start, to: end) : start..<start
        try allocate(file, from: start, to: end)
        try writeZeros(file, from: start, to: done.lowerBound)
        try writeZeros(file, from: done.upperBound, to: end)
        try makeDurable(file)
    }

    private func allocate(_ file: OpenFile, from start: UInt64, to end: UInt64) throws(StoreError) {
        // XFS gives aligned extents when asked chunk by chunk; ext4 does worse that way.
        let step = fileSystem.kind == .xfs ? SegmentLayout.chunkBytes : end - start
        var position = start
        while position < end {
            let count = min(step, end - position)
            while cpm_fallocate(file.descriptor, Int64(position), Int64(count)) != 0 {
                let code = errno
                if code != EINTR { throw failure("fallocate", file.path, code: code, end - start) }
            }
            position += count
        }
    }

    /// Turns unwritten extents into written ones: otherwise every first store would change the map in a page fault.
    /// On tmpfs as well, where allocated pages count as a hole until they are written.
    private func writeZeros(_ file: OpenFile, from start: UInt64, to end: UInt64) throws(StoreError) {
        let zeros = [UInt8](repeating: 0, count: Self.zeroBlockBytes)
        var position = start
        while position < end {
            let step = Int(min(UInt64(Self.zeroBlockBytes), end - position))
            let written = unsafe pwrite(file.descriptor, zeros, step, off_t(position))
            if written < 0 {
                let code = errno
                if code != EINTR { throw failure("pwrite", file.path, code: code, end - start) }
            } else {
                position += UInt64(written)
            }
        }
    }

    func makeDurable(_ file: OpenFile) throws(StoreError) {
        guard fdatasync(file.descriptor) == 0 else {
            throw failure("fdatasync", file.path, code: errno, 0)
        }
    }

    /// The map of a file's first bytes, which must be final.
    func measure(_ file: OpenFile, _ byteCount: UInt64) throws(StoreError) -> ExtentMap {
        let map = try stage.attempt(file.path) { () throws(SystemFailure) in
            try ExtentMap(descriptor: file.descriptor, byteCount: byteCount)
        }
        if let reason = map.disqualifier { throw .open(.extentsChanged(path: file.path, reason: reason)) }
        return map
    }

    func failure(
        _ call: String, _ path: String, code: Int32, _ neededBytes: UInt64
    ) -> StoreError {
        code == ENOSPC || code == EDQUOT
            ? stage.noSpace(call, path, neededBytes: neededBytes)
            : stage.failure(call, path, code: code)
    }
}
