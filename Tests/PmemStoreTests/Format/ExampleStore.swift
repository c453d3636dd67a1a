internal import CPmem
internal import Glibc

@testable internal import PmemStore

/// Memory that plays the medium. Every store is there at once.
@safe struct ExampleMedium: Medium, @unchecked Sendable {
    let base: UnsafeMutableRawPointer

    func load8(_ offset: UInt64) -> UInt64 { unsafe (base + Int(offset)).load(as: UInt64.self) }
    func read(_ offset: UInt64, _ byteCount: Int) -> UnsafeRawPointer {
        unsafe UnsafeRawPointer(base + Int(offset))
    }
    func store8(_ offset: UInt64, _ value: UInt64, site: CallSite) {
        unsafe (base + Int(offset)).storeBytes(of: value, as: UInt64.self)
    }
    func copyIn(_ offset: UInt64, _ source: UnsafeRawPointer, _ byteCount: Int, site: CallSite) {
        unsafe (base + Int(offset)).copyMemory(from: source, byteCount: byteCount)
    }
    func construct<R>(
        _ offset: UInt64, _ byteCount: Int, site: CallSite,
        _ body: (UnsafeMutableRawBufferPointer) throws -> R
    ) rethrows -> R {
        try unsafe body(UnsafeMutableRawBufferPointer(start: base + Int(offset), count: byteCount))
    }
    func flush(_ offset: UInt64, _ byteCount: Int, site: CallSite) {}
    func drain(site: CallSite) throws(StoreError) {}
    func note(_ event: MediumEvent) {}
}

/// The store whose bytes docs/format.md shows: one segment of 16 MiB with 64 KiB of log, in memory.
///
/// Identifier and salt are fixed, so that every byte of it is the same in every run.
@safe final class ExampleStore {
    static let salt: UInt64 = 0x0123_4567_89ab_cdef
    static let identifier: (UInt64, UInt64) = (0x1111_1111_1111_1111, 0x2222_2222_2222_2222)

    let layout: SegmentLayout
    let medium: ExampleMedium
    private(set) var engine: Engine<ExampleMedium>
    private let bytes: UnsafeMutableRawPointer

    init(byteCount: UInt64 = 16 << 20, logBytes: UInt64 = 65_536) throws {
        guard let layout = SegmentLayout(index: 0, baseOffset: 0, byteCount: byteCount, logBytes: logBytes)
        else {
            throw StoreError.open(.invalidOption(name: "byteCount", reason: "no such segment"))
        }
        self.layout = layout
        let bytes = UnsafeMutableRawPointer.allocate(byteCount: Int(byteCount), alignment: 4096)
        unsafe memset(bytes, 0, Int(byteCount))
        unsafe self.bytes = bytes
        medium = unsafe ExampleMedium(base: bytes)
        let first = Self.firstSuperblock(layout).encoded()
        unsafe (bytes + Int(Superblock.offset(generation: 1))).copyMemory(from: first, byteCount: first.count)
        engine = try Self.recover(medium, layout)
    }

    deinit {
        engine.deallocate()
        unsafe bytes.deallocate()
    }

    private static func firstSuperblock(_ layout: SegmentLayout) -> Superblock {
        var fields = StoreCreator.firstSuperblock(layout, identifier: identifier)
        fields.fields.salt = salt
        fields.fields.replayNanoseconds = 1_000_000  // else a guess, which may change
        return fields
    }

    private static func recover(
        _ medium: ExampleMedium, _ layout: SegmentLayout
    ) throws(StoreError) -> Engine<ExampleMedium> {
        let readers = ReaderTable()
        let segment = ChunkTableSegment(
            firstChunk: 0, chunkCount: layout.chunkCount, tableOffset: layout.chunkTableOffset, firstBlock: 0)
        let recovery = Recovery(
            medium: medium, segments: [segment], reservedBytes: [Int(layout.reservedBytes)],
            storeBytes: layout.byteCount, addressBytes: layout.byteCount, path: "example")
        let result = try recovery.recover(options: StoreOptions(), readers: readers)
        return Engine(
            recovered: result, readers: readers, checkpointMedium: medium, growth: nil, quotaBytes: nil)
    }

    /// Forgets everything in DRAM, as a crash does, and recovers from the medium.
    func crash() throws(StoreError) {
        let recovered = try Self.recover(medium, layout)
        engine.deallocate()
        engine = recovered
    }

    /// One transaction of some puts.
    func put(_ pairs: [(String, String)]) throws {
        engine.gate.enter()
        defer { engine.gate.leave() }
        engine.writer.begin()
        for (key, value) in pairs {
            try unsafe Array(value.utf8).withUnsafeBytes { value in
                try unsafe Array(key.utf8).withUnsafeBytes { key in
                    try unsafe engine.writer.put(value, key: key, table: Catalog.mainTable)
                }
            }
        }
        _ = try engine.writer.commitTransaction()
    }

    func delete(_ key: String) throws -> Bool {
        engine.gate.enter()
        defer { engine.gate.leave() }
        engine.writer.begin()
        let found = try unsafe Array(key.utf8).withUnsafeBytes {
            try unsafe engine.writer.delete($0, table: Catalog.mainTable)
        }
        _ = try engine.writer.commitTransaction()
        return found
    }

    func get(_ key: String) throws -> String? {
        let pin = try engine.readers.pin()
        defer { engine.readers.unpin(pin) }
        let tree = try Catalog.table(
            Catalog.mainTable, in: NodeReference(raw: pin.root), space: engine.space)
        let view = TableView(space: engine.space, tree: tree)
        return try unsafe Array(key.utf8).withUnsafeBytes { key in
            try unsafe view.find(key).map { unsafe String(decoding: $0, as: UTF8.self) }
        }
    }

    subscript(offset: UInt64, count: Int) -> [UInt8] {
        get { unsafe [UInt8](UnsafeRawBufferPointer(start: bytes + Int(offset), count: count)) }
        set { unsafe (bytes + Int(offset)).copyMemory(from: newValue, byteCount: count) }
    }
}
