internal import CPmem
internal import Glibc

extension SegmentDirectory {
    /// Refuses a place whose memory forgets at a power cut unless the options accept it. For use before
    /// ``create(path:identifier:byteCount:logBytes:initialize:)``, which accepts any medium.
    package static func checkMedium(at path: String, options: StoreOptions) throws(StoreError) {
        let parent = StoreCreation.parent(of: StoreCreation.normalised(path))
        let fileSystem = try FailureStage.opening.attempt(path) { () throws(SystemFailure) in
            try FileSystem(path: parent)
        }
        try LockedStore.requireAccepted(fileSystem, path: path, options)
    }

    /// Creates the directory with segment 0, or leaves nothing behind.
    ///
    /// - Parameters:
    ///   - byteCount: Rounded up to whole chunks.
    ///   - logBytes: Rounded up to whole pages.
    ///   - initialize: Writes the superblocks through the descriptor. It must write within the reserved bytes,
    ///     and need not sync.
    ///   - complete: Does the rest, to the store that it finds at the path it is given; closes it again.
    package static func create(
        path: String, identifier: (UInt64, UInt64), byteCount: UInt64, logBytes: UInt64,
        initialize: (Int32, SegmentLayout) throws(StoreError) -> Void,
        complete: (String) throws(StoreError) -> Void = { (_) throws(StoreError) in }
    ) throws(StoreError) {
        let creation = try StoreCreation(path: path, byteCount: byteCount, logBytes: logBytes)
        try creation.run(
            identifier: StoreIdentifier(low: identifier.0, high: identifier.1), initialize: initialize,
            complete: complete)
    }
}

/// One attempt to create a store: built beside its place as `PATH.creating-PID.N`, then renamed.
///
/// The directory under construction is locked. What a killed creation left is unlocked, and the next one removes it.
struct StoreCreation {
    private static let marker = ".creating-"
    private static let attemptLimit = 100

    private let path: String
    private let layout: SegmentLayout

    init(path: String, byteCount: UInt64, logBytes: UInt64) throws(StoreError) {
        self.path = Self.normalised(path)
        guard !self.path.isEmpty else { throw .open(.invalidOption(name: "path", reason: "it is empty")) }
        layout = try Self.layout(byteCount: byteCount, logBytes: logBytes)
    }

    private static func layout(byteCount: UInt64, logBytes: UInt64) throws(StoreError) -> SegmentLayout {
        guard logBytes > 0, logBytes <= SegmentLayout.byteLimit else {
            throw .open(.invalidOption(name: "logBytes", reason: "no store has \(logBytes) bytes of log"))
        }
        guard let size = SegmentLayout.chunkAlignedSize(byteCount) else {
            throw .open(.invalidOption(name: "initialBytes", reason: "\(byteCount) bytes are out of reach"))
        }
        let log = (logBytes + 4095) & ~4095
        guard let layout = SegmentLayout(index: 0, baseOffset: 0, byteCount: size, logBytes: log) else {
            let reason = "\(size) bytes leave no room for records beside \(log) bytes of log"
            throw .open(.invalidOption(name: "initialBytes", reason: reason))
        }
        return layout
    }

    func run(
        identifier: StoreIdentifier, initialize: PreallocationManager.Initializer,
        complete: (String) throws(StoreError) -> Void
    ) throws(StoreError) {
        try requireFree()
        let parent = try open(directory: Self.parent(of: path))
        removeDebris(in: parent)
        let building = try makeDirectory()
        do {
            try fill(building, identifier, initialize)
            try complete(building.path)
            try publish(building, in: parent)
        } catch {
            Self.remove(building)
            throw error
        }
    }

    private func requireFree() throws(StoreError) {
        var status = stat()
        if unsafe lstat(path, &status) == 0 { throw .open(.exists(path: path)) }
        guard errno == ENOENT else { throw .open(.system(call: "lstat", path: path, code: errno)) }
    }

    private func open(directory: String) throws(StoreError) -> OpenFile {
        try FailureStage.opening.attempt(directory) { () throws(SystemFailure) in
            try OpenFile(directory, flags: O_RDONLY | O_DIRECTORY)
        }
    }

    /// Makes the directory under construction and locks it.
    private func makeDirectory() throws(StoreError) -> OpenFile {
        for attempt in 0..<Self.attemptLimit {
            let name = path + Self.marker + "\(getpid()).\(attempt)"
            guard unsafe mkdir(name, 0o700) == 0 else {
                if errno == EEXIST { continue }
                throw .open(.system(call: "mkdir", path: name, code: errno))
            }
            // Between mkdir and flock it looks abandoned; if somebody has removed it, the next name is tried.
            if let directory = Self.lock(name) { return directory }
            unsafe rmdir(name)
        }
        throw .open(.system(call: "mkdir", path: path + Self.marker, code: EEXIST))
    }

    /// Nil when it cannot be locked, or is gone.
    private static func lock(_ name: String) -> OpenFile? {
        guard let directory = try? OpenFile(name, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
            flock(directory.descriptor, LOCK_EX | LOCK_NB) == 0,
            let status = try? directory.status(), status.st_nlink > 0
        else { return nil }
        return directory
    }

    private func fill(
        _ building: OpenFile, _ identifier: StoreIdentifier,
        _ initialize: PreallocationManager.Initializer
    ) throws(StoreError) {
        try FailureStage.opening.attempt(building.path) { () throws(SystemFailure) in
            _ = try OpenFile(
                building.path + "/" + StoreLock.fileName, flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
        }
        let manager = try PreallocationManager(directory: building, stage: .opening)
        _ = try manager.build(layout, identifier: identifier, initialize: initialize)
    }

    private func publish(_ building: OpenFile, in parent: OpenFile) throws(StoreError) {
        do {
            try building.synchronize()
            try building.rename(to: path)
            try parent.synchronize()
        } catch {
            if error.code == EEXIST { throw .open(.exists(path: path)) }
            throw .open(.system(call: error.call, path: path, code: error.code))
        }
    }

    // MARK: Debris

    /// Removes the directories of creations that were killed: theirs, because nobody has them locked any more.
    private func removeDebris(in parent: OpenFile) {
        let prefix = Self.name(of: path) + Self.marker
        for name in (try? DirectoryListing.names(parent.path)) ?? [] where name.hasPrefix(prefix) {
            let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
            guard let debris = try? OpenFile(parent.path + "/" + name, flags: flags) else { continue }
            if flock(debris.descriptor, LOCK_EX | LOCK_NB) == 0 { Self.remove(debris) }
        }
    }

    /// Removes a directory with the files that a creation makes, and no others.
    private static func remove(_ directory: OpenFile) {
        for name in (try? DirectoryListing.names(directory.path)) ?? [] {
            let isOurs = name == StoreLock.fileName || SegmentName.index(of: name) != nil
            guard isOurs || SegmentName.isBuilding(name) else { continue }
            unsafe unlinkat(directory.descriptor, name, 0)
        }
        unsafe rmdir(directory.path)
    }

    // MARK: Paths

    /// Without slashes at its end, which would put the directory under construction inside of the store.
    static func normalised(_ path: String) -> String {
        var result = Substring(path)
        while result.count > 1, result.hasSuffix("/") { result.removeLast() }
        return String(result)
    }

    static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func name(of path: String) -> String {
        String(path.split(separator: "/").last ?? "")
    }
}
