internal import CPmem
internal import Glibc

/// What a store would get in a directory, tried out on a file without a name that is gone afterwards.
package struct PlaceProbe: Sendable {
    /// What happens to stores there.
    package let persistence: PersistenceReport
    /// The strongest lease that this process can have there.
    package let lease: LeaseReport
    /// Of a file made as segments are made.
    package let extents: ExtentMap
    /// Whether files can share blocks.
    package let canShare: Bool

    private static let byteCount: UInt64 = 8 << 20

    /// Costs the writing of 8 MiB.
    ///
    /// - Throws: ``StoreError/open(_:)``: the directory cannot be written to, or no store could be made in it.
    package init(directory path: String) throws(StoreError) {
        let (directory, file) = try FailureStage.opening.attempt(path) { () throws(SystemFailure) in
            (
                try OpenFile(path, flags: O_RDONLY | O_DIRECTORY),
                try OpenFile(path, flags: CPM_O_TMPFILE | O_RDWR, mode: 0o600)
            )
        }
        let manager = try PreallocationManager(directory: directory, stage: .opening)
        extents = try manager.finalExtents(file, Self.byteCount)
        canShare = LeaseGround.canShare(file)
        persistence = PersistenceReport(
            descriptor: file.descriptor, fileSystem: manager.fileSystem, options: StoreOptions())
        lease = try Self.strongestLease(on: file, extents, manager.fileSystem, persistence)
    }

    private static func strongestLease(
        on file: OpenFile, _ extents: ExtentMap, _ fileSystem: FileSystem, _ persistence: PersistenceReport
    ) throws(StoreError) -> LeaseReport {
        var options = StoreOptions()
        options.sealing = .whenPossible
        let mapping = try FailureStage.opening.attempt(file.path) { () throws(SystemFailure) in
            let mapping = try Mapping.reserve([byteCount])
            try mapping.map(
                descriptor: file.descriptor, at: 0, byteCount: byteCount,
                persistence.backing)
            return mapping
        }
        let ground = LeaseGround(
            file, fileSystem: fileSystem, isDirect: persistence.mapSync, options: options)
        let keeper = LeaseKeeper(health: MappingHealth(path: file.path), ground: ground)
        keeper.adopt(LeasedFile(file: file, path: file.path, extents: extents, home: nil)) {
            mapping.acceptsFirstStore(at: 0)
        }
        defer {
            keeper.dismissAll()
            mapping.release()
        }
        return keeper.report
    }
}
