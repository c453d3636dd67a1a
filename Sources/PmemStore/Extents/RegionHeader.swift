internal import CPmem
internal import Glibc

/// The first page of a region's file: how much of the file is the region's, and where its blocks were.
///
/// Two slots, written in turn: growing is switched by one of them, and a torn one does not count.
///
///     0     slot 0, 64 bytes
///     2048  slot 1, 64 bytes
///     4096  the region's first byte
///
/// A slot is eight words: magic, version, generation, bytes of the region, fingerprint of the block map, file system,
/// inode, checksum of the seven before, seeded with the slot's number.
struct RegionHeader: Equatable, Sendable {
    static let byteCount: UInt64 = 4096
    private static let magic: UInt64 = 0x4e4f_4947_4552_4d50  // "PMREGION"
    private static let version: UInt64 = 1
    private static let slotBytes = 64

    var generation: UInt64
    /// Of the region, without this page.
    var byteCount: UInt64
    var fingerprint: UInt64
    var fileSystem: UInt64
    var inode: UInt64

    var fileBytes: UInt64 { Self.byteCount + byteCount }

    // MARK: Writing

    /// Writes the slot of the header's generation through a descriptor. The caller syncs.
    func write(to file: OpenFile) throws(SystemFailure) {
        let slot = generation & 1
        var words = [Self.magic, Self.version, generation, byteCount, fingerprint, fileSystem, inode]
        words.append(UInt64(Self.checksum(words, slot: slot)))
        let bytes = words.flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) }
        }
        let written = unsafe pwrite(file.descriptor, bytes, bytes.count, off_t(slot * 2048))
        if written < 0 { throw SystemFailure("pwrite") }
        if written != bytes.count { throw SystemFailure(call: "pwrite", code: ENOSPC) }
    }

    private static func checksum(_ words: [UInt64], slot: UInt64) -> UInt32 {
        unsafe words.withUnsafeBytes { unsafe cpm_checksum(UInt32(slot), $0.baseAddress, UInt64($0.count)) }
    }

    // MARK: Reading

    /// The newest valid header of a file.
    init(reading file: OpenFile) throws(StoreError) {
        var found: [RegionHeader] = []
        for slot in UInt64(0)..<2 {
            if let header = try Self.slot(slot, of: file) { found.append(header) }
        }
        guard let newest = found.max(by: { $0.generation < $1.generation }) else {
            throw .open(.notAStore(path: file.path, reason: "it does not begin like a region"))
        }
        self = newest
    }

    init(generation: UInt64, byteCount: UInt64, fingerprint: UInt64, fileSystem: UInt64, inode: UInt64) {
        self.generation = generation
        self.byteCount = byteCount
        self.fingerprint = fingerprint
        self.fileSystem = fileSystem
        self.inode = inode
    }

    private static func slot(_ slot: UInt64, of file: OpenFile) throws(StoreError) -> RegionHeader? {
        var words = [UInt64](repeating: 0, count: slotBytes / 8)
        let (count, code) = unsafe words.withUnsafeMutableBytes { bytes in
            let count = unsafe pread(file.descriptor, bytes.baseAddress, bytes.count, off_t(slot * 2048))
            return (count, errno)
        }
        guard count >= 0 else { throw .open(.system(call: "pread", path: file.path, code: code)) }
        words = words.map(UInt64.init(littleEndian:))
        guard count == slotBytes, words[0] == magic, words[2] & 1 == slot,
            words[7] == UInt64(checksum(Array(words[..<7]), slot: slot))
        else { return nil }
        guard words[1] <= version else {
            throw .open(
                .newerFormat(
                    path: file.path, found: UInt32(truncatingIfNeeded: words[1]), supported: UInt32(version)))
        }
        guard words[3] <= SegmentLayout.byteLimit, words[3].isMultiple(of: byteCount) else { return nil }
        return RegionHeader(
            generation: words[2], byteCount: words[3], fingerprint: words[4], fileSystem: words[5],
            inode: words[6])
    }
}
