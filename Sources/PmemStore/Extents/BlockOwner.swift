internal import CPmem
internal import Glibc

/// A file that the file system's reverse map names as the owner of blocks.
struct BlockOwner: Equatable, Sendable {
    let inode: UInt64
    /// Where in the file the blocks lie.
    let offset: UInt64
    let byteCount: UInt64
}

/// Who owns blocks, by the reverse map.
struct BlockOwners {
    private(set) var files: [BlockOwner] = []
    /// False when blocks are in use by somebody whom the file system does not name.
    private(set) var areAllNamed = true

    private static let batch = 128

    /// Asks for the owners of `extent`, which lies on the device of the open file `descriptor`.
    ///
    /// Needs `CAP_SYS_ADMIN`, and a file system that keeps a reverse map (XFS with `rmapbt=1`); without, somebody
    /// unnamed owns everything.
    init(of extent: ExtentMap.Extent, descriptor: Int32) throws(SystemFailure) {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw SystemFailure("fstat") }
        let bytes = MemoryLayout<fsmap_head>.stride + Self.batch * MemoryLayout<fsmap>.stride
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 16)
        defer { unsafe buffer.deallocate() }
        unsafe buffer.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        let head = unsafe buffer.assumingMemoryBound(to: fsmap_head.self)
        let records = unsafe (buffer + MemoryLayout<fsmap_head>.stride).assumingMemoryBound(to: fsmap.self)
        let device = UInt32(truncatingIfNeeded: status.st_dev)
        unsafe Self.ask(head, device: device, from: extent.physical, to: extent.physical + extent.byteCount)
        while true {
            guard unsafe cpm_get_owners(descriptor, head) == 0 else {
                throw SystemFailure("ioctl(FS_IOC_GETFSMAP)")
            }
            let found = min(unsafe Int(head.pointee.fmh_entries), Self.batch)
            for index in 0..<found { unsafe add(records[index], within: extent) }
            guard found > 0, unsafe records[found - 1].fmr_flags & UInt32(FMR_OF_LAST) == 0 else { return }
            unsafe head.pointee.fmh_keys.0 = unsafe records[found - 1]
        }
    }

    private static func ask(
        _ head: UnsafeMutablePointer<fsmap_head>, device: UInt32, from start: UInt64, to end: UInt64
    ) {
        var low = fsmap()
        low.fmr_device = device
        low.fmr_physical = start
        var high = fsmap()
        high.fmr_device = device
        high.fmr_flags = .max
        high.fmr_physical = end - 1
        high.fmr_owner = .max
        high.fmr_offset = .max
        unsafe head.pointee.fmh_count = UInt32(batch)
        unsafe head.pointee.fmh_keys = (low, high)
    }

    private mutating func add(_ record: fsmap, within extent: ExtentMap.Extent) {
        let start = max(record.fmr_physical, extent.physical)
        let end = min(record.fmr_physical + record.fmr_length, extent.physical + extent.byteCount)
        guard start < end else { return }
        if record.fmr_flags & UInt32(FMR_OF_SPECIAL_OWNER) != 0 {
            areAllNamed = false
            return
        }
        guard record.fmr_flags & UInt32(FMR_OF_ATTR_FORK | FMR_OF_EXTENT_MAP) == 0 else { return }
        files.append(
            BlockOwner(
                inode: record.fmr_owner, offset: record.fmr_offset + (start - record.fmr_physical),
                byteCount: end - start))
    }
}

extension BlockOwner {
    /// Opens the file by its number, whatever it is called and wherever it lies: it may have no name any more.
    ///
    /// Not waiting: when somebody has a lease on it, opening would take until they let go. Needs
    /// `CAP_DAC_READ_SEARCH`, and `CAP_SYS_ADMIN` for the generation.
    func open(on mount: OpenFile) throws(SystemFailure) -> OpenFile {
        var request = cpm_xfs_bulkstat_request()
        request.inode = inode
        request.wantedCount = 1
        guard unsafe cpm_xfs_bulkstat(mount.descriptor, &request) == 0 else {
            throw SystemFailure("ioctl(XFS_IOC_BULKSTAT)")
        }
        // The next inode is found when this one is gone.
        guard request.foundCount == 1, request.found.inode == inode else {
            throw SystemFailure(call: "ioctl(XFS_IOC_BULKSTAT)", code: ENOENT)
        }
        let descriptor = cpm_xfs_open_inode(
            mount.descriptor, inode, request.found.generation, O_RDWR | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemFailure("open_by_handle_at") }
        return OpenFile(adopting: descriptor, path: "inode \(inode)")
    }
}
