internal import CPmem
internal import Glibc

/// Builds segment files whose extents are final before anyone knows of them.
///
/// Space is allocated, really written and measured under a hidden name; only then the file gets its own. A failed
/// build leaves nothing behind, a killed one a hidden file that the next opening removes. What is sealed is never
/// allocated, punched or zeroed again.
struct PreallocationManager {
    /// What the caller writes into a segment before it is sealed, through a descriptor.
    typealias Initializer = (Int32, SegmentLayout) throws(StoreError) -> Void

    let directory: OpenFile
    let fileSystem: FileSystem
    let stage: FailureStage

    private static let zeroBlockBytes = 1 << 20

    init(directory: OpenFile, stage: FailureStage) throws(StoreError) {
        self.directory = directory
        self.stage = stage
        fileSystem = try stage.attempt(directory.path) { () throws(SystemFailure) in
            try FileSystem(descriptor: directory.descriptor)
        }
    }

    /// Builds the segment and returns it open, sealed and durable, with the map it was sealed with.
    func build(
        _ layout: SegmentLayout, identifier: StoreIdentifier, initialize: Initializer
    ) throws(StoreError) -> SealedSegment {
        let path = directory.path + "/" + SegmentName.building(layout.index)
        let file = try create(path)
        do {
            return try seal(file, layout, identifier, initialize)
        } catch {
            unsafe unlink(path)
            throw error
        }
    }

    private func create(_ path: String) throws(StoreError) -> OpenFile {
        try stage.attempt(path) { () throws(SystemFailure) in
            try OpenFile(path, flags: O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW, mode: 0o600)
        }
    }

    /// The recipe. Every step before the renaming may fail without a trace.
    private func seal(
        _ file: OpenFile, _ layout: SegmentLayout, _ identifier: StoreIdentifier, _ initialize: Initializer
    ) throws(StoreError) -> SealedSegment {
        let extents = try finalExtents(file, layout.byteCount)
        try writeHeader(file, layout, identifier, extents)
        try initialize(file.descriptor, layout)
        try makeDurable(file)
        try confirm(file, extents)
        return try publish(file, layout, identifier, extents)
    }

    /// Makes every extent of an empty file final, and returns the map.
    func finalExtents(_ file: OpenFile, _ byteCount: UInt64) throws(StoreError) -> ExtentMap {
        try askForStableExtents(file)
        try allocate(file, byteCount)
        try writeZeros(file, byteCount)
        try makeDurable(file)
        return try measure(file, byteCount)
    }

    // MARK: Steps

    private func askForStableExtents(_ file: OpenFile) throws(StoreError) {
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

    private func allocate(_ file: OpenFile, _ byteCount: UInt64) throws(StoreError) {
        // XFS gives aligned extents when asked chunk by chunk; ext4 does worse that way.
        let step = fileSystem.kind == .xfs ? SegmentLayout.chunkBytes : byteCount
        var position: UInt64 = 0
        while position < byteCount {
            while cpm_fallocate(file.descriptor, Int64(position), Int64(step)) != 0 {
                let code = errno
                if code != EINTR { throw failure("fallocate", file, code: code, byteCount) }
            }
            position += step
        }
    }

    /// Turns unwritten extents into written ones: otherwise every first store would change the map in a page fault.
    /// On tmpfs as well, where allocated pages count as a hole until they are written.
    private func writeZeros(_ file: OpenFile, _ byteCount: UInt64) throws(StoreError) {
        let zeros = [UInt8](repeating: 0, count: Self.zeroBlockBytes)
        var position: UInt64 = 0
        while position < byteCount {
            let step = Int(min(UInt64(Self.zeroBlockBytes), byteCount - position))
            let written = unsafe pwrite(file.descriptor, zeros, step, off_t(position))
            if written < 0 {
                let code = errno
                if code != EINTR { throw failure("pwrite", file, code: code, byteCount) }
            } else {
                position += UInt64(written)
            }
        }
    }

    private func makeDurable(_ file: OpenFile) throws(StoreError) {
        guard fdatasync(file.descriptor) == 0 else {
            throw failure("fdatasync", file, code: errno, 0)
        }
    }

    private func measure(_ file: OpenFile, _ byteCount: UInt64) throws(StoreError) -> ExtentMap {
        let map = try stage.attempt(file.path) { () throws(SystemFailure) in
            try ExtentMap(descriptor: file.descriptor, byteCount: byteCount)
        }
        if let reason = map.disqualifier { throw .open(.extentsChanged(path: file.path, reason: reason)) }
        return map
    }

    private func writeHeader(
        _ file: OpenFile, _ layout: SegmentLayout, _ identifier: StoreIdentifier, _ extents: ExtentMap
    ) throws(StoreError) {
        try stage.attempt(file.path) { () throws(SystemFailure) in
            let seal = SegmentHeader.Seal(
                extentFingerprint: extents.fingerprint, fileSystemIdentifier: fileSystem.identifier,
                inode: UInt64(try file.status().st_ino))
            try SegmentHeader(layout: layout, identifier: identifier, seal: seal).write(to: file)
        }
    }

    /// Writing header and superblocks must not have moved anything: what is in the header would be wrong.
    private func confirm(_ file: OpenFile, _ extents: ExtentMap) throws(StoreError) {
        let map = try measure(file, extents.byteCount)
        if let reason = map.firstDifference(from: extents) {
            throw .open(
                .unsupportedFileSystem(
                    path: file.path, name: fileSystem.name,
                    remedy: "rewriting moved blocks (\(reason)); use ext4, or XFS without reflink"))
        }
    }

    private func publish(
        _ file: OpenFile, _ layout: SegmentLayout, _ identifier: StoreIdentifier, _ extents: ExtentMap
    ) throws(StoreError) -> SealedSegment {
        let path = directory.path + "/" + SegmentName.sealed(layout.index)
        do {
            try file.rename(to: path)
            try directory.synchronize()
        } catch {
            // After a failed sync it is unknown whether the name is durable, so it must not be relied upon.
            if error.call == "fsync" { unsafe unlink(path) }
            throw stage.failure(error.call, path, code: error.code)
        }
        return SealedSegment(
            segment: Segment(layout: layout, path: path), file: file, extents: extents, hasMoved: false,
            identifier: identifier)
    }

    /// Removes a segment that was built but could not be used.
    func discard(_ sealed: SealedSegment) {
        unsafe unlink(sealed.segment.path)
        try? directory.synchronize()
    }

    private func failure(
        _ call: String, _ file: OpenFile, code: Int32, _ neededBytes: UInt64
    ) -> StoreError {
        code == ENOSPC || code == EDQUOT
            ? stage.noSpace(call, file.path, neededBytes: neededBytes)
            : stage.failure(call, file.path, code: code)
    }
}
