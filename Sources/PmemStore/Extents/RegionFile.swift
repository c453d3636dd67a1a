internal import CPmem
internal import Glibc

/// A region's file: locked, open, checked, with final extents. One file in a directory of its own, beside the lock.
struct RegionFile {
    static let name = "region.pmem"
    private static let buildingName = ".region.building"

    let directory: OpenFile
    let lock: StoreLock
    let fileSystem: FileSystem
    let file: OpenFile
    private(set) var header: RegionHeader
    private(set) var extents: ExtentMap

    var path: String { directory.path + "/" + Self.name }
    var leased: LeasedFile { LeasedFile(file: file, path: path, extents: extents, home: directory) }

    private var preparation: ExtentPreparation { ExtentPreparation(fileSystem: fileSystem, stage: .running) }

    // MARK: Creating

    /// Makes the directory and the file in it. A killed creation leaves a directory that the next one completes.
    static func create(_ path: String, byteCount: UInt64, options: StoreOptions) throws(StoreError) {
        guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw .open(.system(call: "mkdir", path: path, code: errno))
        }
        let (directory, fileSystem) = try place(path, options)
        if unsafe faccessat(directory.descriptor, name, F_OK, 0) == 0 { throw .open(.exists(path: path)) }
        let lock = try StoreLock(directory: directory, path: path)
        defer { withExtendedLifetime(lock) {} }
        unsafe unlinkat(directory.descriptor, buildingName, 0)
        let building = directory.path + "/" + buildingName
        do throws(StoreError) {
            try build(building, fileSystem, byteCount)
            try FailureStage.opening.attempt(path) { () throws(SystemFailure) in
                let file = try OpenFile(building, flags: O_RDWR | O_NOFOLLOW)
                try file.rename(to: directory.path + "/" + name)
                try directory.synchronize()
            }
        } catch {
            unsafe unlink(building)
            throw error
        }
    }

    private static func build(
        _ path: String, _ fileSystem: FileSystem, _ byteCount: UInt64
    ) throws(StoreError) {
        let file = try FailureStage.opening.attempt(path) { () throws(SystemFailure) in
            try OpenFile(path, flags: O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW, mode: 0o600)
        }
        let preparation = ExtentPreparation(fileSystem: fileSystem, stage: .opening)
        let fileBytes = RegionHeader.byteCount + byteCount
        try preparation.askForStableExtents(file)
        try preparation.fill(file, from: 0, to: fileBytes)
        let extents = try preparation.measure(file, fileBytes)
        try FailureStage.opening.attempt(path) { () throws(SystemFailure) in
            try RegionHeader(
                generation: 1, byteCount: byteCount, fingerprint: extents.fingerprint,
                fileSystem: fileSystem.identifier, inode: UInt64(try file.status().st_ino)
            ).write(to: file)
        }
        try preparation.makeDurable(file)
    }

    private static func place(
        _ path: String, _ options: StoreOptions
    ) throws(StoreError) -> (OpenFile, FileSystem) {
        guard let resolved = unsafe realpath(path, nil) else {
            throw errno == ENOENT
                ? .open(.missing(path: path)) : .open(.system(call: "realpath", path: path, code: errno))
        }
        defer { unsafe free(resolved) }
        let directory = try FailureStage.opening.attempt(path) { () throws(SystemFailure) in
            try unsafe OpenFile(String(cString: resolved), flags: O_RDONLY | O_DIRECTORY)
        }
        let fileSystem = try FailureStage.opening.attempt(path) { () throws(SystemFailure) in
            try FileSystem(descriptor: directory.descriptor)
        }
        try LockedStore.requireAccepted(fileSystem, path: path, options)
        return (directory, fileSystem)
    }

    // MARK: Opening

    init(opening path: String, options: StoreOptions) throws(StoreError) {
        (directory, fileSystem) = try Self.place(path, options)
        guard unsafe faccessat(directory.descriptor, Self.name, F_OK, 0) == 0 else {
            throw .open(.notAStore(path: path, reason: "the directory holds no \(Self.name)"))
        }
        lock = try StoreLock(directory: directory, path: path)
        file = try SealedSegment.openFile(directory.path + "/" + Self.name)
        header = try RegionHeader(reading: file)
        let preparation = ExtentPreparation(fileSystem: fileSystem, stage: .opening)
        try Self.settle(file, header, preparation)
        extents = try preparation.measure(file, header.fileBytes)
    }

    /// Cuts off what a growth that was killed has left, and makes durable what a killed process left in the page cache.
    private static func settle(
        _ file: OpenFile, _ header: RegionHeader, _ preparation: ExtentPreparation
    ) throws(StoreError) {
        let size = try FailureStage.opening.attempt(file.path) { () throws(SystemFailure) in
            UInt64(try file.status().st_size)
        }
        guard size >= header.fileBytes else {
            throw .open(
                .truncated(path: file.path, expectedBytes: header.fileBytes, foundBytes: size))
        }
        if size > header.fileBytes { _ = ftruncate(file.descriptor, off_t(header.fileBytes)) }
        try preparation.makeDurable(file)
    }

    /// True when the file's blocks were moved while nobody had the region open. Its contents are unharmed.
    var hasMoved: Bool {
        let status = try? file.status()
        return header.inode == UInt64(status?.st_ino ?? 0) && header.fileSystem == fileSystem.identifier
            && header.fingerprint != extents.fingerprint
    }

    // MARK: Growing

    /// Appends bytes to the file, and notes that they are the region's. What is there is not touched; a failure gives
    /// back what it has taken.
    mutating func grow(to byteCount: UInt64) throws(StoreError) {
        let before = header.fileBytes
        var next = header
        next.generation += 1
        next.byteCount = byteCount
        do throws(StoreError) {
            try preparation.fill(file, from: before, to: next.fileBytes)
            let grown = try preparation.measure(file, next.fileBytes)
            if let reason = grown.clipped(to: before).firstDifference(from: extents) {
                throw .open(.extentsChanged(path: path, reason: "by growing: \(reason)"))
            }
            next.fingerprint = grown.fingerprint
            try FailureStage.running.attempt(path) { () throws(SystemFailure) in try next.write(to: file) }
            try preparation.makeDurable(file)
            (header, extents) = (next, grown)
        } catch {
            _ = ftruncate(file.descriptor, off_t(before))
            throw error
        }
    }
}
