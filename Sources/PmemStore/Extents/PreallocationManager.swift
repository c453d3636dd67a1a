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
        let file = try create(path, byteCount: layout.byteCount)
        do {
            return try seal(file, layout, identifier, initialize)
        } catch {
            unsafe unlink(path)
            throw error
        }
    }

    private func create(_ path: String, byteCount: UInt64) throws(StoreError) -> OpenFile {
        do {
            return try OpenFile(path, flags: O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW, mode: 0o600)
        } catch {
            // A full file system may not even have room for a file's name.
            throw preparation.failure(error.call, path, code: error.code, byteCount)
        }
    }

    /// The recipe. Every step before the renaming may fail without a trace.
    private func seal(
        _ file: OpenFile, _ layout: SegmentLayout, _ identifier: StoreIdentifier, _ initialize: Initializer
    ) throws(StoreError) -> SealedSegment {
        let extents = try finalExtents(file, layout.byteCount)
        try writeHeader(file, layout, identifier, extents)
        try initialize(file.descriptor, layout)
        try preparation.makeDurable(file)
        try confirm(file, preparation.measure(file, extents.byteCount), extents)
        return try publish(file, layout, identifier, extents)
    }

    /// Makes every extent of an empty file final, and returns the map.
    func finalExtents(_ file: OpenFile, _ byteCount: UInt64) throws(StoreError) -> ExtentMap {
        try preparation.askForStableExtents(file)
        try preparation.fill(file, from: 0, to: byteCount)
        return try preparation.measure(file, byteCount)
    }

    private var preparation: ExtentPreparation { ExtentPreparation(fileSystem: fileSystem, stage: stage) }

    // MARK: Steps

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
    private func confirm(
        _ file: OpenFile, _ map: ExtentMap, _ extents: ExtentMap
    ) throws(StoreError) {
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
            throw preparation.failure(error.call, path, code: error.code, extents.byteCount)
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
}
