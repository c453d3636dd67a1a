internal import CPmem
internal import Glibc

/// The first page of a segment file as a value.
struct SegmentHeader: Equatable, Sendable {
    /// What the file system knew of the file when it was sealed.
    struct Seal: Equatable, Sendable {
        var extentFingerprint: UInt64
        var fileSystemIdentifier: UInt64
        var inode: UInt64
    }

    let layout: SegmentLayout
    let identifier: StoreIdentifier
    let seal: Seal
}

/// Names a store for life; every segment carries it.
struct StoreIdentifier: Equatable, Sendable {
    let low: UInt64
    let high: UInt64
}

extension SegmentHeader {
    static let byteCount = Int(SegmentLayout.headerBytes)

    /// Writes the page through a descriptor; the caller syncs.
    func write(to file: OpenFile) throws(SystemFailure) {
        var page = cpm_segment_header()
        encode(into: &page)
        let failure = unsafe withUnsafeBytes(of: &page) { bytes -> SystemFailure? in
            let written = unsafe pwrite(file.descriptor, bytes.baseAddress, bytes.count, 0)
            if written == bytes.count { return nil }
            return written < 0 ? SystemFailure("pwrite") : SystemFailure(call: "pwrite", code: ENOSPC)
        }
        if let failure { throw failure }
    }

    private func encode(into page: inout cpm_segment_header) {
        page.magic = CPM_SEGMENT_MAGIC
        page.version = CPM_FORMAT_VERSION
        unsafe withUnsafeMutableBytes(of: &page.storeIdentifier) { bytes in
            unsafe bytes.storeBytes(of: identifier.low.littleEndian, toByteOffset: 0, as: UInt64.self)
            unsafe bytes.storeBytes(of: identifier.high.littleEndian, toByteOffset: 8, as: UInt64.self)
        }
        page.index = UInt32(layout.index)
        page.chunkCount = UInt32(layout.chunkCount)
        page.baseOffset = layout.baseOffset
        page.byteCount = layout.byteCount
        page.reservedBytes = layout.reservedBytes
        page.chunkTableOffset = layout.chunkTableOffset
        page.logOffset = layout.logOffset
        page.logBytes = layout.logBytes
        page.extentFingerprint = seal.extentFingerprint
        page.fileSystemIdentifier = seal.fileSystemIdentifier
        page.inode = seal.inode
        page.checksum = Self.checksum(of: page)
    }

    private static func checksum(of page: cpm_segment_header) -> UInt32 {
        var blank = page
        blank.checksum = 0
        return unsafe withUnsafeBytes(of: &blank) { bytes in
            unsafe cpm_checksum(page.index, bytes.baseAddress, UInt64(bytes.count))
        }
    }
}

extension SegmentHeader {
    /// Reads and checks the page. It comes from outside: nothing in it is trusted before its checksum is.
    ///
    /// - Parameters:
    ///   - index: The number in the file's name.
    ///   - baseOffset: The end of the segment before.
    init(reading file: OpenFile, index: Int, baseOffset: UInt64) throws(StoreError) {
        let page = try Self.readPage(file)
        try Self.checkForm(page, path: file.path, baseOffset: baseOffset)
        guard page.index == index else {
            let reason =
                "it is segment \(page.index) by its header, segment \(index) by its name"
            throw .open(.notAStore(path: file.path, reason: reason))
        }
        layout = try Self.layout(page, baseOffset: baseOffset)
        identifier = StoreIdentifier(page)
        seal = Seal(
            extentFingerprint: page.extentFingerprint, fileSystemIdentifier: page.fileSystemIdentifier,
            inode: page.inode)
    }

    private static func readPage(_ file: OpenFile) throws(StoreError) -> cpm_segment_header {
        var page = cpm_segment_header()
        let (count, code) = unsafe withUnsafeMutableBytes(of: &page) { bytes in
            let count = unsafe pread(file.descriptor, bytes.baseAddress, bytes.count, 0)
            return (count, errno)
        }
        guard count >= 0 else { throw .open(.system(call: "pread", path: file.path, code: code)) }
        guard count == byteCount else {
            throw .open(
                .truncated(path: file.path, expectedBytes: UInt64(byteCount), foundBytes: UInt64(count)))
        }
        return page
    }

    /// Magic and version come before the checksum: a later format may compute it otherwise.
    private static func checkForm(
        _ page: cpm_segment_header, path: String, baseOffset: UInt64
    ) throws(StoreError) {
        guard page.magic == CPM_SEGMENT_MAGIC else {
            throw .open(.notAStore(path: path, reason: "the file does not begin like a segment"))
        }
        guard page.version <= CPM_FORMAT_VERSION else {
            throw .open(.newerFormat(path: path, found: page.version, supported: CPM_FORMAT_VERSION))
        }
        let expected = checksum(of: page)
        guard page.checksum == expected else {
            throw damaged(
                baseOffset, "checksum \(hex(page.checksum)) found, \(hex(expected)) computed")
        }
    }

    /// The header repeats what the layout rule gives; where they differ, neither is to be trusted.
    private static func layout(
        _ page: cpm_segment_header, baseOffset: UInt64
    ) throws(StoreError) -> SegmentLayout {
        guard page.baseOffset == baseOffset else {
            throw damaged(baseOffset, "base offset \(page.baseOffset) found, \(baseOffset) expected")
        }
        let layout = SegmentLayout(
            index: Int(page.index), baseOffset: page.baseOffset, byteCount: page.byteCount,
            logBytes: page.logBytes)
        guard let layout else {
            throw damaged(
                baseOffset, "no segment has \(page.byteCount) bytes, \(page.logBytes) of them log")
        }
        guard
            page.chunkCount == UInt32(layout.chunkCount), page.reservedBytes == layout.reservedBytes,
            page.chunkTableOffset == layout.chunkTableOffset, page.logOffset == layout.logOffset
        else {
            throw damaged(
                baseOffset, "the offsets in the header do not follow from the size")
        }
        return layout
    }

    private static func damaged(_ offset: UInt64, _ detail: String) -> StoreError {
        .corrupted(StoreError.Corruption(.segmentHeader, offset: offset, detail: detail))
    }

    private static func hex(_ value: UInt32) -> String { "0x" + String(value, radix: 16) }
}

extension StoreIdentifier {
    fileprivate init(_ page: cpm_segment_header) {
        (low, high) = unsafe withUnsafeBytes(of: page.storeIdentifier) { bytes in
            unsafe (
                UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
                UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
    }
}
