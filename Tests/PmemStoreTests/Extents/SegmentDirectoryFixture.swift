internal import CPmem
internal import Glibc

@testable internal import PmemStore

/// Small stores for the tests of this room.
enum Fixture {
    static let byteCount: UInt64 = 4 << 20
    static let logBytes: UInt64 = 64 << 10
    static let identifier: (UInt64, UInt64) = (0x1122_3344_5566_7788, 0x99aa_bbcc_ddee_ff00)

    static var options: StoreOptions {
        var options = StoreOptions()
        options.acceptsVolatileMedium = true
        // Also in the guest, where files are sealed by default: these tests change files that the store has open.
        options.sealing = .never
        return options
    }

    static func create(_ path: String) throws {
        try SegmentDirectory.create(
            path: path, identifier: identifier, byteCount: byteCount, logBytes: logBytes
        ) { (_, _) throws(StoreError) in }
    }

    static func open(_ path: String) throws(StoreError) -> SegmentDirectory {
        try SegmentDirectory.open(path: path, options: options)
    }

    /// The error of an opening that must be refused, nil when it was not.
    static func refusal(_ path: String, _ options: StoreOptions = Fixture.options) -> StoreError? {
        do {
            try SegmentDirectory.open(path: path, options: options).close()
            return nil
        } catch {
            return error
        }
    }

    static func segment(_ index: Int, of path: String) -> String { path + "/" + SegmentName.sealed(index) }

    /// Changes a segment's header and makes its checksum right again.
    static func editHeader(_ path: String, _ edit: (inout cpm_segment_header) -> Void) {
        var page = cpm_segment_header()
        let old = bytes(of: path).prefix(4096)
        unsafe withUnsafeMutableBytes(of: &page) { unsafe $0.copyBytes(from: old) }
        edit(&page)
        page.checksum = 0
        let seed = page.index
        page.checksum = unsafe withUnsafeBytes(of: &page) {
            unsafe cpm_checksum(seed, $0.baseAddress, 4096)
        }
        overwrite(path, at: 0, with: unsafe withUnsafeBytes(of: &page) { unsafe Array($0) })
    }
}

/// A medium over an open store with counters of its own.
@safe final class CountedMedium {
    private let counters: UnsafeMutablePointer<MediumCounters>
    let medium: DirectMedium

    init(_ directory: SegmentDirectory) {
        unsafe counters = .allocate(capacity: 1)
        unsafe counters.initialize(to: MediumCounters())
        medium = unsafe directory.medium(counters: counters)
    }

    deinit { unsafe counters.deallocate() }

    var counted: MediumCounters { unsafe counters.pointee }

    func write(_ bytes: [UInt8], at offset: UInt64) throws {
        unsafe bytes.withUnsafeBytes { source in
            guard let address = source.baseAddress else { return }
            unsafe medium.copyIn(offset, address, source.count)
        }
        try medium.drain()
    }

    func read(_ offset: UInt64, _ count: Int) -> [UInt8] {
        unsafe Array(UnsafeRawBufferPointer(start: medium.read(offset, count), count: count))
    }
}
