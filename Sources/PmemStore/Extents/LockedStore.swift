internal import CPmem
internal import Glibc

/// A store's files, locked and checked, before they are mapped. Making one changes nothing on the medium.
struct LockedStore {
    let directory: OpenFile
    let fileSystem: FileSystem
    let lock: StoreLock
    /// Ascending, without a gap, never empty.
    let sealed: [SealedSegment]

    var identifier: StoreIdentifier { sealed[0].identifier }

    init(path: String, options: StoreOptions) throws(StoreError) {
        let directory = try Self.openDirectory(path)
        let fileSystem = try FailureStage.opening.attempt(path) { () throws(SystemFailure) in
            try FileSystem(descriptor: directory.descriptor)
        }
        // Before the lock, which would create its file in a directory that is none of ours.
        try Self.requireSegment0(in: directory, path: path)
        try Self.requireAccepted(fileSystem, path: path, options)
        lock = try StoreLock(directory: directory, path: path)
        sealed = try Self.openSegments(directory, fileSystem, path: path)
        self.directory = directory
        self.fileSystem = fileSystem
    }

    /// Follows symbolic links, and keeps the absolute path, so that changing the working directory is harmless.
    private static func openDirectory(_ path: String) throws(StoreError) -> OpenFile {
        guard let resolved = unsafe realpath(path, nil) else { throw missing(path, code: errno) }
        defer { unsafe free(resolved) }
        do {
            return try unsafe OpenFile(String(cString: resolved), flags: O_RDONLY | O_DIRECTORY)
        } catch {
            throw missing(path, code: error.code)
        }
    }

    private static func missing(_ path: String, code: Int32) -> StoreError {
        var status = stat()
        switch code {
        case ENOENT where unsafe lstat(path, &status) == 0:
            return .open(.notAStore(path: path, reason: "it is a symbolic link to nothing"))
        case ENOENT: return .open(.missing(path: path))
        case ENOTDIR: return .open(.notAStore(path: path, reason: "it is not a directory"))
        default: return .open(.system(call: "open", path: path, code: code))
        }
    }

    private static func requireSegment0(in directory: OpenFile, path: String) throws(StoreError) {
        var status = stat()
        let name = SegmentName.sealed(0)
        guard unsafe fstatat(directory.descriptor, name, &status, AT_SYMLINK_NOFOLLOW) != 0 else { return }
        guard errno == ENOENT else { throw .open(.system(call: "fstatat", path: path, code: errno)) }
        guard try segmentIndices(directory).isEmpty else {
            throw .open(.missingSegment(path: path, index: 0))
        }
        throw .open(.notAStore(path: path, reason: "the directory holds no \(name)"))
    }

    /// Refuses a medium that forgets unless the options accept it.
    static func requireAccepted(
        _ fileSystem: FileSystem, path: String, _ options: StoreOptions
    ) throws(StoreError) {
        guard fileSystem.forgetsAtPowerCut, !options.acceptsVolatileMedium else { return }
        let reason = PersistenceReport.volatileReason(fileSystem) + "; acceptsVolatileMedium allows it"
        throw .open(.volatileMedium(path: path, reason: reason))
    }

    private static func segmentIndices(_ directory: OpenFile) throws(StoreError) -> [Int] {
        try FailureStage.opening.attempt(directory.path) { () throws(SystemFailure) in
            try DirectoryListing.names(directory.path).compactMap(SegmentName.index(of:)).sorted()
        }
    }

    private static func openSegments(
        _ directory: OpenFile, _ fileSystem: FileSystem, path: String
    ) throws(StoreError) -> [SealedSegment] {
        var sealed: [SealedSegment] = []
        for (expected, index) in try segmentIndices(directory).enumerated() {
            guard index == expected else { throw .open(.missingSegment(path: path, index: expected)) }
            let next = try SealedSegment(
                opening: directory.path + "/" + SegmentName.sealed(index), index: index,
                baseOffset: sealed.last?.segment.endOffset ?? 0, fileSystem: fileSystem)
            guard next.identifier == sealed.first?.identifier ?? next.identifier else {
                throw .open(.notAStore(path: next.file.path, reason: "the segment belongs to another store"))
            }
            sealed.append(next)
        }
        guard !sealed.isEmpty else { throw .open(.missingSegment(path: path, index: 0)) }
        return sealed
    }

    /// Makes the names durable by which the store and its segments are found. Whoever gave them may have been killed
    /// before its sync; what is committed from now on must not be lost with them.
    func settleNames() throws(StoreError) {
        try FailureStage.opening.attempt(directory.path) { () throws(SystemFailure) in
            try directory.synchronize()
            do throws(SystemFailure) {
                try OpenFile(directory.path + "/..", flags: O_RDONLY | O_DIRECTORY).synchronize()
            } catch {
                // It may be searched, not read: then all of its file system.
                guard error.code == EACCES, cpm_syncfs(directory.descriptor) == 0 else { throw error }
            }
        }
    }

    /// Removes what a growth that was killed has left behind. Failing to is no reason to refuse the store.
    func removeDebris() {
        let names = (try? DirectoryListing.names(directory.path)) ?? []
        for name in names where SegmentName.isBuilding(name) {
            unsafe unlinkat(directory.descriptor, name, 0)
        }
    }
}
