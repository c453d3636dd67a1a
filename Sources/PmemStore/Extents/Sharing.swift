internal import CPmem
internal import Glibc

/// What was found about blocks that a segment shares with other files, and what became of it.
package struct SharingReport: Sendable, Equatable {
    /// One range of another file that lay in the segment's blocks.
    package struct Owner: Sendable, Equatable {
        package let inode: UInt64
        /// Where in that file.
        package let offset: UInt64
        package let byteCount: UInt64
        /// Nil: the file has blocks of its own now, or is gone. Else why it has not, with the remedy.
        package let refusal: String?
    }

    /// Bytes of the segment that were shared.
    package internal(set) var sharedBytes: UInt64 = 0
    /// In the order in which they were found; a range that took several rounds is there several times.
    package internal(set) var owners: [Owner] = []
    /// How often owners were looked for.
    package internal(set) var rounds = 0
    /// Bytes of the segment that are still shared. 0: a store moves nothing.
    package internal(set) var remainingBytes: UInt64 = 0
    /// Why some owners could not be named; nil when all were.
    package internal(set) var obstacle: String?

    package var isBroken: Bool { remainingBytes == 0 }

    /// One sentence: what is shared with whom, and what to do about it. Nil when nothing is.
    package var complaint: String? {
        if isBroken { return nil }
        let reasons = owners.compactMap { owner in owner.refusal.map { "inode \(owner.inode): \($0)" } }
        let why = Set(reasons).sorted() + (obstacle.map { [$0] } ?? [])
        return "\(remainingBytes) bytes are shared with other files; " + why.joined(separator: "; ")
    }
}

/// Ends the sharing of a segment's blocks on the other side: the other files get blocks of their own, so that the next
/// store to the segment moves nothing of it.
///
/// Never on the segment's own side: that would move it. For the same reason nobody may store to the segment meanwhile.
package enum Sharing {
    /// Somebody may clone a clone while the first is being unshared.
    private static let roundLimit = 3

    /// The shared extents of a map.
    package static func extents(of map: ExtentMap) -> [ExtentMap.Extent] {
        map.extents.filter { $0.flags & UInt32(FIEMAP_EXTENT_SHARED) != 0 }
    }

    /// Finds who shares the first `byteCount` bytes of an open segment file, and gives them blocks of their own.
    ///
    /// The caller keeps every store to the segment away. Costs a few microseconds when nothing is shared, else the
    /// copying of the shared bytes, once for each other file, and a sync of it. Finding the others needs
    /// `CAP_SYS_ADMIN` and XFS with `rmapbt=1`; what could not be done is in the report, not an error.
    ///
    /// - Parameter directory: Any open file of the same file system but the segment.
    package static func end(
        on file: OpenFile, byteCount: UInt64, directory: OpenFile
    ) throws(SystemFailure) -> SharingReport {
        var report = SharingReport()
        while true {
            let shared = extents(of: try ExtentMap(descriptor: file.descriptor, byteCount: byteCount))
            report.remainingBytes = shared.reduce(0) { $0 + $1.byteCount }
            report.sharedBytes = max(report.sharedBytes, report.remainingBytes)
            if shared.isEmpty || report.rounds == roundLimit { return report }
            report.rounds += 1
            let before = report.owners.count
            try unshareOwners(of: shared, file, directory, &report)
            // Nobody was moved, so another round would find the same.
            if report.owners[before...].allSatisfy({ $0.refusal != nil }) { return report }
        }
    }

    /// Ends the sharing of an open store's segment. While nobody stores to it.
    ///
    /// - Throws: ``StoreError/OpenFailure/extentsChanged(path:reason:)``, with whom it is shared and the remedy.
    static func repair(_ leased: LeasedFile) throws(StoreError) {
        let report = try FailureStage.running.attempt(leased.file.path) { () throws(SystemFailure) in
            try end(
                on: leased.file, byteCount: leased.extents.byteCount, directory: leased.home ?? leased.file)
        }
        if let complaint = report.complaint {
            throw .open(.extentsChanged(path: leased.file.path, reason: complaint))
        }
    }

    private static func unshareOwners(
        of shared: [ExtentMap.Extent], _ file: OpenFile, _ directory: OpenFile, _ report: inout SharingReport
    ) throws(SystemFailure) {
        let own = UInt64(try file.status().st_ino)
        report.obstacle = nil
        for extent in shared {
            let owners: BlockOwners
            do {
                owners = try BlockOwners(of: extent, descriptor: directory.descriptor)
            } catch {
                report.obstacle = "\(error.call) failed with error \(error.code), so the others are not known"
                return
            }
            if !owners.areAllNamed {
                report.obstacle =
                    "the file system does not say with whom: that needs XFS made with -m rmapbt=1, and root"
            }
            if owners.files.count(where: { $0.inode == own }) > 1 {
                report.obstacle = "the segment shares blocks with itself"
            }
            for owner in owners.files where owner.inode != own {
                report.owners.append(unshare(owner, on: directory))
            }
        }
    }

    private static func unshare(_ owner: BlockOwner, on directory: OpenFile) -> SharingReport.Owner {
        var refusal: String?
        do throws(SystemFailure) {
            try unshare(owner, of: try owner.open(on: directory))
        } catch {
            // A file that was deleted keeps its blocks for a moment: the next round finds them free.
            let isGone = error.code == ENOENT || error.code == ESTALE
            if isGone { ShortPause.take() } else { refusal = remedy(error) }
        }
        return SharingReport.Owner(
            inode: owner.inode, offset: owner.offset, byteCount: owner.byteCount, refusal: refusal)
    }

    /// Gives the range blocks of its own and makes them durable.
    private static func unshare(_ owner: BlockOwner, of clone: OpenFile) throws(SystemFailure) {
        let size = UInt64(try clone.status().st_size)
        guard owner.offset < size else { return }
        let byteCount = min(owner.byteCount, size - owner.offset)
        while cpm_unshare(clone.descriptor, Int64(owner.offset), Int64(byteCount)) != 0 {
            let failure = SystemFailure("fallocate(UNSHARE_RANGE)")
            if failure.code != EINTR { throw failure }
        }
        // The kernel copies on DAX without flushing what it has written.
        if cpm_is_dax(clone.descriptor) == 1 {
            try RangeFlush.flush(descriptor: clone.descriptor, offset: owner.offset, byteCount: byteCount)
        }
        // Else the sharing could be back after a power cut, with a block that we have stored to since.
        try clone.synchronize()
    }

    private static func remedy(_ failure: SystemFailure) -> String {
        switch failure.code {
        case EPERM where failure.call == "open_by_handle_at":
            "it is immutable, or this process lacks CAP_DAC_READ_SEARCH; chattr -i lets it be unshared"
        case EAGAIN: "somebody holds a lease on it"
        case ETXTBSY: "it is a running program"
        case ENOSPC, EDQUOT: "the file system has no space for a copy; delete the clone"
        default: "\(failure.call) failed with error \(failure.code)"
        }
    }
}
