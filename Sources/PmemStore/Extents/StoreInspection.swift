internal import CPmem
internal import Glibc

/// What can be seen of a store from outside. Nothing is written.
///
/// Measuring a block map takes an open file, so that whoever has the store open is visited: its commits stand still for
/// some microseconds, or not at all (docs/lease.md). Without visits, a store in use is looked at from outside only.
package struct StoreInspection: Sendable {
    /// What is known of one segment file.
    package struct SegmentFacts: Sendable {
        package let name: String
        package internal(set) var byteCount: UInt64 = 0
        /// The flags that seal it, as chattr writes them; empty: none.
        package internal(set) var seal = ""
        /// True when the kernel's table of locks names a lease on it.
        package internal(set) var isLeased = false
        /// Nil when the file was not measured: the store is in use and was not visited, or does not let visitors in.
        package internal(set) var extents: ExtentMap?
        /// True when its blocks are not where they were when it was sealed.
        package internal(set) var hasMoved = false
        /// What keeps it from being opened as part of a store.
        package internal(set) var problem: StoreError?
    }

    /// What the newest valid superblock says.
    package struct NewestCheckpoint: Sendable {
        package let generation: UInt64
        package let commit: UInt64
        package let wasClosed: Bool
    }

    package private(set) var segments: [SegmentFacts] = []
    /// The store is open somewhere.
    package let isInUse: Bool
    /// By which process, where the kernel tells.
    package let owner: Int32?
    /// Nil when it was not read, and when neither superblock is valid.
    package private(set) var checkpoint: NewestCheckpoint?
    /// What would keep the store from opening, beside what the segments say.
    package private(set) var problem: StoreError?

    /// How long somebody who has the store open may take to let a visitor in: it ends its transaction first.
    private static let patienceNanoseconds: UInt64 = 2_000_000_000

    /// Nil when the directory holds no segment at all: then it is no store.
    ///
    /// - Parameter visits: Whether the files of a store in use are opened, too.
    /// - Throws: ``StoreError/open(_:)``: the path cannot be looked at.
    package init?(directory path: String, visits: Bool = true) throws(StoreError) {
        let indices = try FailureStage.opening.attempt(path) { () throws(SystemFailure) in
            try DirectoryListing.names(path).compactMap(SegmentName.index(of:)).sorted()
        }
        if indices.isEmpty { return nil }
        (isInUse, owner) = StoreLock.holder(in: path)
        let leased = LeaseTable()
        var base: UInt64 = 0
        var opens = !isInUse || visits
        for (expected, index) in indices.enumerated() {
            if index != expected, problem == nil {
                problem = .open(.missingSegment(path: path, index: expected))
            }
            let name = SegmentName.sealed(index)
            var facts = Self.facts(path + "/" + name, name, leased)
            if opens {
                base = Self.measure(&facts, path + "/" + name, index: index, base: base, isInUse: isInUse)
            }
            // Who has not answered once is not asked for the other files.
            if isInUse, facts.extents == nil { opens = false }
            segments.append(facts)
        }
        if segments[0].extents != nil { readSuperblocks(path + "/" + segments[0].name) }
    }

    // MARK: Without opening

    private static func facts(_ path: String, _ name: String, _ leased: LeaseTable) -> SegmentFacts {
        var facts = SegmentFacts(name: name)
        // Such a descriptor names the file and opens nothing.
        guard let file = try? OpenFile(path, flags: CPM_O_PATH | O_NOFOLLOW), let status = try? file.status()
        else { return facts }
        facts.byteCount = UInt64(max(0, status.st_size))
        facts.isLeased = leased.holds(status)
        let flags = cpm_seal_flags(file.descriptor)
        if flags > 0 { facts.seal = ExtentSeal(flags: flags).name }
        return facts
    }

    // MARK: By opening

    /// Returns where the next segment begins.
    private static func measure(
        _ facts: inout SegmentFacts, _ path: String, index: Int, base: UInt64, isInUse: Bool
    ) -> UInt64 {
        do throws(StoreError) {
            let file = try FailureStage.opening.attempt(path) { () throws(SystemFailure) in
                try open(path, isInUse: isInUse)
            }
            let header = try SegmentHeader(reading: file, index: index, baseOffset: base)
            let byteCount = header.layout.byteCount
            guard facts.byteCount >= byteCount else {
                throw .open(.truncated(path: path, expectedBytes: byteCount, foundBytes: facts.byteCount))
            }
            let extents = try FailureStage.opening.attempt(path) { () throws(SystemFailure) in
                try ExtentMap(descriptor: file.descriptor, byteCount: byteCount)
            }
            facts.extents = extents
            let inode = try? file.status().st_ino
            facts.hasMoved =
                inode.map(UInt64.init) == header.seal.inode
                && extents.withoutSharing.fingerprint != header.seal.extentFingerprint
            if let reason = extents.disqualifier { throw .open(.extentsChanged(path: path, reason: reason)) }
            return base + byteCount
        } catch {
            // A process that does not answer is no damage.
            if !isInUse || !error.isTimeout { facts.problem = error }
            return base + facts.byteCount
        }
    }

    /// While nobody has the store, whoever has a lease on the file has nothing to do with us: that is a problem.
    private static func open(_ path: String, isInUse: Bool) throws(SystemFailure) -> OpenFile {
        if isInUse { return try PatientVisit.open(path, within: patienceNanoseconds) }
        return try OpenFile(path, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    }

    private mutating func readSuperblocks(_ path: String) {
        guard let file = try? Self.open(path, isInUse: isInUse) else { return }
        let valid = [UInt64(0), 1].compactMap { parity -> Superblock? in
            let offset = Superblock.offset(generation: parity)
            let slot = unsafe [UInt8](unsafeUninitializedCapacity: Superblock.slotBytes) { buffer, count in
                count = max(
                    0, unsafe pread(file.descriptor, buffer.baseAddress, buffer.count, off_t(offset)))
            }
            guard slot.count == Superblock.slotBytes else { return nil }
            return unsafe slot.withUnsafeBytes { bytes in
                unsafe bytes.baseAddress.flatMap { unsafe Superblock(slot: $0, offset: offset) }
            }
        }
        guard let newest = valid.max(by: { $0.fields.generation < $1.fields.generation })?.fields else {
            problem = .corrupted(
                .init(.superblock, offset: Superblock.offset(generation: 0), detail: "neither copy is valid"))
            return
        }
        checkpoint = NewestCheckpoint(
            generation: newest.generation, commit: newest.commit,
            wasClosed: newest.flags & UInt32(CPM_SUPERBLOCK_CLEAN) != 0)
        // A store in use may have grown since its files were listed.
        if !isInUse, Int(newest.segmentCount) > segments.count, problem == nil {
            problem = .open(.missingSegment(path: path, index: segments.count))
        }
    }
}

extension StoreError {
    fileprivate var isTimeout: Bool {
        if case .open(.system(_, _, ETIMEDOUT)) = self { true } else { false }
    }
}

/// The files that have a lease, by the kernel's table of locks.
private struct LeaseTable {
    private var inodes: Set<String> = []

    init() {
        guard let file = try? OpenFile("/proc/locks", flags: O_RDONLY) else { return }
        var text: [UInt8] = []
        while true {
            let part = unsafe [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
                count = max(0, unsafe read(file.descriptor, buffer.baseAddress, buffer.count))
            }
            if part.isEmpty { break }
            text += part
        }
        // 5: LEASE  ACTIVE    WRITE 17403 fd:00:131 0 EOF
        for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count > 5, words[1] == "LEASE" { inodes.insert(String(words[5])) }
        }
    }

    func holds(_ status: stat) -> Bool {
        let device = UInt64(status.st_dev)
        let major = (device >> 8) & 0xfff
        let minor = (device & 0xff) | ((device >> 12) & 0xfff00)
        return inodes.contains("\(Self.hex(major)):\(Self.hex(minor)):\(status.st_ino)")
    }

    private static func hex(_ number: UInt64) -> String {
        let text = String(number, radix: 16)
        return text.count < 2 ? "0" + text : text
    }
}
