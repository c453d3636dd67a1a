internal import CPmem
internal import Glibc

/// A segment with the file that is open for it: complete, durable, and its extents known to be final.
struct SealedSegment: Sendable {
    let segment: Segment
    let file: OpenFile
    /// As measured when the segment was opened or built; what later measurements are compared with.
    let extents: ExtentMap
    /// True when the file's blocks were moved while no store had it open.
    let hasMoved: Bool
    let identifier: StoreIdentifier

    init(
        segment: Segment, file: OpenFile, extents: ExtentMap, hasMoved: Bool, identifier: StoreIdentifier
    ) {
        self.segment = segment
        self.file = file
        self.extents = extents
        self.hasMoved = hasMoved
        self.identifier = identifier
    }
}

extension SealedSegment {
    /// Opens and checks a segment file without changing a byte of it.
    init(
        opening path: String, index: Int, baseOffset: UInt64, fileSystem: FileSystem
    ) throws(StoreError) {
        let file = try Self.openFile(path)
        let status = try FailureStage.opening.attempt(path) { () throws(SystemFailure) in try file.status() }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .open(.notAStore(path: path, reason: "it is not a regular file"))
        }
        let header = try SegmentHeader(reading: file, index: index, baseOffset: baseOffset)
        let byteCount = header.layout.byteCount
        guard status.st_size >= Int64(byteCount) else {
            throw .open(
                .truncated(path: path, expectedBytes: byteCount, foundBytes: UInt64(status.st_size)))
        }
        let isOriginal =
            header.seal.inode == UInt64(status.st_ino)
            && header.seal.fileSystemIdentifier == fileSystem.identifier
        try Self.settle(file, isOriginal: isOriginal)
        let extents = try Self.finalExtents(file, byteCount)
        // A copy lies elsewhere by nature; only of the original it means something.
        let hasMoved = isOriginal && header.seal.extentFingerprint != extents.fingerprint
        if hasMoved { try Self.flushMoved(file, byteCount) }
        self.init(
            segment: Segment(layout: header.layout, path: path), file: file, extents: extents,
            hasMoved: hasMoved, identifier: header.identifier)
    }

    static func openFile(_ path: String) throws(StoreError) -> OpenFile {
        do {
            // Not waiting: when somebody has a lease on the file, opening would take until they let go of it.
            return try OpenFile(path, flags: O_RDWR | O_NOFOLLOW | O_NONBLOCK)
        } catch {
            switch error.code {
            case ELOOP: throw .open(.notAStore(path: path, reason: "it is a symbolic link"))
            case EISDIR: throw .open(.notAStore(path: path, reason: "it is a directory"))
            case EAGAIN: throw .open(.inUse(path: path, pid: nil))
            case EPERM where try ExtentSeal.remove(at: path): return try openFile(path)
            default: throw .open(.system(call: error.call, path: path, code: error.code))
            }
        }
    }

    /// Makes durable what was left in the page cache: by whoever made this copy, or by a process that was killed.
    /// Recovery takes what it reads for durable, and a fresh copy has no extents before.
    ///
    /// Not where stores go to the medium directly: there, nothing is in a page cache, and the kernel would flush every
    /// line that was written since the last time, however large the store is.
    private static func settle(_ file: OpenFile, isOriginal: Bool) throws(StoreError) {
        if isOriginal && Mapping.grantsSync(descriptor: file.descriptor) { return }
        guard fdatasync(file.descriptor) == 0 else {
            throw .open(.system(call: "fdatasync", path: file.path, code: errno))
        }
    }

    /// Where stores go to the medium directly, the kernel moves a shared block without flushing the copy. Which blocks
    /// have moved is not known, so every line is flushed: O(data), in this case only.
    private static func flushMoved(_ file: OpenFile, _ byteCount: UInt64) throws(StoreError) {
        guard Mapping.grantsSync(descriptor: file.descriptor) else { return }
        try FailureStage.opening.attempt(file.path) { () throws(SystemFailure) in
            try RangeFlush.flush(descriptor: file.descriptor, offset: 0, byteCount: byteCount)
        }
    }

    /// Sharing is ended first, where it can be: nothing is mapped yet, so nobody stores.
    private static func finalExtents(_ file: OpenFile, _ byteCount: UInt64) throws(StoreError) -> ExtentMap {
        var extents = try measure(file, byteCount)
        if !Sharing.extents(of: extents).isEmpty {
            let report = try FailureStage.opening.attempt(file.path) { () throws(SystemFailure) in
                try Sharing.end(on: file, byteCount: byteCount, directory: file)
            }
            if report.isBroken { extents = try measure(file, byteCount) }
        }
        if let reason = extents.disqualifier {
            let remedy = "; a full copy (cp --reflink=never --sparse=never) of the directory can be opened"
            throw .open(.extentsChanged(path: file.path, reason: reason + remedy))
        }
        return extents
    }

    private static func measure(_ file: OpenFile, _ byteCount: UInt64) throws(StoreError) -> ExtentMap {
        try FailureStage.opening.attempt(file.path) { () throws(SystemFailure) in
            try ExtentMap(descriptor: file.descriptor, byteCount: byteCount)
        }
    }

    /// What the file lies on now.
    func preallocation() throws(StoreError) -> PreallocationReport.File {
        let map = try FailureStage.running.attempt(segment.path) { () throws(SystemFailure) in
            try ExtentMap(descriptor: file.descriptor, byteCount: extents.byteCount)
        }
        return PreallocationReport.File(
            path: segment.path, byteCount: map.byteCount, extents: map.isReported ? map.extents.count : nil,
            hugePageShare: map.hugePageShare, unwrittenShare: map.unwrittenShare)
    }

    /// What the keeper of the leases needs to know.
    func leased(in directory: OpenFile) -> LeasedFile {
        LeasedFile(file: file, path: segment.path, extents: extents, home: directory)
    }
}
