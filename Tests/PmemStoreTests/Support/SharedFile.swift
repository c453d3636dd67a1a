internal import CPmem
internal import Glibc

@testable internal import PmemStore

/// A file of known contents with clones, on XFS with reflink and a reverse map: a loop device, or the guest's NVDIMM.
final class SharedFile {
    static let byteCount = 8 << 20
    static let isPossible = Guest.isHere ? Guest.canShare : LoopMount.isAvailable(.xfs)
    static let requirement = Guest.isHere ? "this file system has no reflink" : LoopMount.requirement

    private let scratch: ScratchDirectory
    let directory: OpenFile
    let file: OpenFile
    /// The file's map before anything was cloned.
    let map: ExtentMap
    let contents: [UInt8]
    /// Behind everything that is open on it: properties go in order.
    private let mount: LoopMount?

    /// - Parameter kind: Of the loop device; the guest has but one.
    init?(_ kind: LoopMount.Kind = .xfs) throws {
        mount = Guest.isHere ? nil : LoopMount(kind)
        guard Guest.isHere || mount != nil else { return nil }
        scratch = mount.map { ScratchDirectory(in: $0.path) } ?? ScratchDirectory(.ordinaryFileSystem)
        directory = try OpenFile(scratch.path, flags: O_RDONLY | O_DIRECTORY)
        contents = unsafe [UInt8](unsafeUninitializedCapacity: Self.byteCount) { buffer, count in
            for number in 0..<(Self.byteCount / 8) {
                unsafe buffer.baseAddress.map {
                    unsafe UnsafeMutableRawPointer($0).storeBytes(
                        of: UInt64(number) | 1 << 63, toByteOffset: 8 * number, as: UInt64.self)
                }
            }
            count = Self.byteCount
        }
        file = try OpenFile(scratch.path + "/segment", flags: O_RDWR | O_CREAT, mode: 0o600)
        guard cpm_fallocate(file.descriptor, 0, Int64(Self.byteCount)) == 0 else { return nil }
        guard unsafe pwrite(file.descriptor, contents, contents.count, 0) == contents.count else {
            return nil
        }
        try file.synchronize()
        map = try ExtentMap(descriptor: file.descriptor, byteCount: UInt64(Self.byteCount))
    }

    deinit { Shell.run("cd '\(scratch.path)' && chattr -i * ; rm -f *") }

    var mapNow: ExtentMap {
        get throws { try ExtentMap(descriptor: file.descriptor, byteCount: UInt64(Self.byteCount)) }
    }

    /// A clone of a part, at a place of its own.
    func clone(_ name: String, from source: Int = 0, byteCount: Int? = nil, at place: Int = 0) throws
        -> OpenFile
    {
        let clone = try OpenFile(scratch.path + "/" + name, flags: O_RDWR | O_CREAT, mode: 0o600)
        var request = cpm_clone_part_request()
        request.source = Int64(file.descriptor)
        request.sourceOffset = UInt64(source)
        request.byteCount = UInt64(byteCount ?? Self.byteCount)
        request.destinationOffset = UInt64(place)
        guard unsafe cpm_clone_part(clone.descriptor, &request) == 0 else {
            throw SystemFailure("ioctl(FICLONERANGE)")
        }
        return clone
    }

    func endSharing() throws -> SharingReport {
        try Sharing.end(on: file, byteCount: UInt64(Self.byteCount), directory: directory)
    }

    /// Stores one word at the begin of each page, through a mapping, and makes it durable as a commit does.
    func storeIntoEachPage(from start: Int = 0, to end: Int = SharedFile.byteCount) throws {
        let sync = Mapping.grantsSync(descriptor: file.descriptor)
        let mapping = try Mapping.reserve([UInt64(Self.byteCount)])
        defer { mapping.release() }
        try mapping.map(
            descriptor: file.descriptor, at: 0, byteCount: UInt64(Self.byteCount),
            sync ? .synchronous : .shared)
        let counters = UnsafeMutablePointer<MediumCounters>.allocate(capacity: 1)
        unsafe counters.initialize(to: MediumCounters())
        defer { unsafe counters.deallocate() }
        let pages = PendingPages(path: file.path, health: MappingHealth(path: file.path))
        let medium = unsafe DirectMedium(
            base: mapping.base, discipline: sync ? .lines : .deferred, elidesFences: false,
            counters: counters,
            deferred: pages)
        for page in stride(from: start, to: end, by: 4096) {
            medium.store8(UInt64(page), ~UInt64(page))
            medium.flush(UInt64(page), 8)
        }
        try medium.drain()
        withExtendedLifetime(pages) {}
    }

    /// As `==` of slices, in no time also where nothing is optimised.
    static func areSame(_ one: [UInt8], _ place: Int, _ other: [UInt8], _ otherPlace: Int, _ byteCount: Int)
        -> Bool
    {
        guard one.count >= place + byteCount, other.count >= otherPlace + byteCount else { return false }
        return unsafe one.withUnsafeBytes { one in
            unsafe other.withUnsafeBytes { other in
                guard let one = one.baseAddress, let other = other.baseAddress else {
                    return true
                }
                return unsafe memcmp(one + place, other + otherPlace, byteCount) == 0
            }
        }
    }

    /// True when a clone still holds what it took.
    func isKept(
        by clone: OpenFile, at place: Int = 0, from source: Int = 0, byteCount: Int = SharedFile.byteCount
    ) -> Bool {
        Self.areSame(Self.read(clone, place, byteCount), 0, contents, source, byteCount)
    }

    static func read(_ file: OpenFile, _ offset: Int = 0, _ byteCount: Int = SharedFile.byteCount) -> [UInt8]
    {
        unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            count = max(0, unsafe pread(file.descriptor, buffer.baseAddress, byteCount, off_t(offset)))
        }
    }
}
