internal import CPmem
internal import Glibc
import Testing

@testable internal import PmemStore

/// Holds docs/format.md, cpm_format.h and the code to one another. A change of the format must change this file too.
@Suite("Format: document and structs")
struct FormatTests {
    private typealias Field = FormatDocument.Field

    private static func field<T, V>(_ name: String, _ path: any KeyPath<T, V> & Sendable) -> Field {
        Field(offset: MemoryLayout<T>.offset(of: path) ?? -1, size: MemoryLayout<V>.size, name: name)
    }

    private static let structs: [(name: String, size: Int, stride: Int, fields: [Field])] = [
        (
            "cpm_segment_header", 4096, MemoryLayout<cpm_segment_header>.stride,
            [
                field("magic", \cpm_segment_header.magic), field("version", \cpm_segment_header.version),
                field("checksum", \cpm_segment_header.checksum),
                field("storeIdentifier", \cpm_segment_header.storeIdentifier),
                field("index", \cpm_segment_header.index),
                field("chunkCount", \cpm_segment_header.chunkCount),
                field("baseOffset", \cpm_segment_header.baseOffset),
                field("byteCount", \cpm_segment_header.byteCount),
                field("reservedBytes", \cpm_segment_header.reservedBytes),
                field("chunkTableOffset", \cpm_segment_header.chunkTableOffset),
                field("logOffset", \cpm_segment_header.logOffset),
                field("logBytes", \cpm_segment_header.logBytes),
                field("extentFingerprint", \cpm_segment_header.extentFingerprint),
                field("fileSystemIdentifier", \cpm_segment_header.fileSystemIdentifier),
                field("inode", \cpm_segment_header.inode),
                Field(offset: 112, size: 3984, name: "reserved"),  // too long to be imported
            ]
        ),
        (
            "cpm_superblock", 256, MemoryLayout<cpm_superblock>.stride,
            [
                field("magic", \cpm_superblock.magic), field("version", \cpm_superblock.version),
                field("checksum", \cpm_superblock.checksum), field("generation", \cpm_superblock.generation),
                field("offset", \cpm_superblock.offset),
                field("storeIdentifier", \cpm_superblock.storeIdentifier),
                field("commit", \cpm_superblock.commit), field("root", \cpm_superblock.root),
                field("logPosition", \cpm_superblock.logPosition), field("salt", \cpm_superblock.salt),
                field("logOffset", \cpm_superblock.logOffset), field("logBytes", \cpm_superblock.logBytes),
                field("byteCount", \cpm_superblock.byteCount),
                field("segmentCount", \cpm_superblock.segmentCount),
                field("tableBlockCount", \cpm_superblock.tableBlockCount),
                field("nextTable", \cpm_superblock.nextTable), field("flags", \cpm_superblock.flags),
                field("replayNanoseconds", \cpm_superblock.replayNanoseconds),
                field("epoch", \cpm_superblock.epoch), field("reserved", \cpm_superblock.reserved),
            ]
        ),
        (
            "cpm_table_block", 512, MemoryLayout<cpm_table_block>.stride,
            [
                field("magic", \cpm_table_block.magic), field("checksum", \cpm_table_block.checksum),
                field("reserved0", \cpm_table_block.reserved0),
                field("generation", \cpm_table_block.generation), field("offset", \cpm_table_block.offset),
                field("reserved", \cpm_table_block.reserved), field("chunks", \cpm_table_block.chunks),
            ]
        ),
        (
            "cpm_bitmap", 16, MemoryLayout<cpm_bitmap>.stride,
            [
                field("magic", \cpm_bitmap.magic), field("checksum", \cpm_bitmap.checksum),
                field("slotCount", \cpm_bitmap.slotCount), field("epoch", \cpm_bitmap.epoch),
            ]
        ),
        (
            "cpm_record_header", 12, MemoryLayout<cpm_record_header>.stride,
            [
                field("checksum", \cpm_record_header.checksum), field("epoch", \cpm_record_header.epoch),
                field("keyBytes", \cpm_record_header.keyBytes),
                field("valueBytes", \cpm_record_header.valueBytes),
            ]
        ),
        (
            "cpm_external_value", 24, MemoryLayout<cpm_external_value>.stride,
            [
                field("offset", \cpm_external_value.offset),
                field("byteCount", \cpm_external_value.byteCount),
                field("checksum", \cpm_external_value.checksum),
                field("reserved", \cpm_external_value.reserved),
            ]
        ),
        (
            "cpm_log_entry", 24, MemoryLayout<cpm_log_entry>.stride,
            [
                field("checksum", \cpm_log_entry.checksum), field("byteCount", \cpm_log_entry.byteCount),
                field("commit", \cpm_log_entry.commit),
                field("operationCount", \cpm_log_entry.operationCount),
                field("flags", \cpm_log_entry.flags), field("magic", \cpm_log_entry.magic),
            ]
        ),
        (
            "cpm_log_operation", 24, MemoryLayout<cpm_log_operation>.stride,
            [
                field("record", \cpm_log_operation.record), field("replaced", \cpm_log_operation.replaced),
                field("table", \cpm_log_operation.table), field("checksum", \cpm_log_operation.checksum),
            ]
        ),
        (
            "cpm_log_spill", 24, MemoryLayout<cpm_log_spill>.stride,
            [
                field("offset", \cpm_log_spill.offset), field("byteCount", \cpm_log_spill.byteCount),
                field("checksum", \cpm_log_spill.checksum), field("reserved", \cpm_log_spill.reserved),
            ]
        ),
        (
            "cpm_node", 64, MemoryLayout<cpm_node>.stride,
            [
                field("checksum", \cpm_node.checksum), field("magic", \cpm_node.magic),
                field("level", \cpm_node.level), field("flags", \cpm_node.flags),
                field("count", \cpm_node.count), field("prefixBytes", \cpm_node.prefixBytes),
                field("lines", \cpm_node.lines), field("reserved0", \cpm_node.reserved0),
                field("epoch", \cpm_node.epoch), field("heapBytes", \cpm_node.heapBytes),
                field("place", \cpm_node.place), field("pairs", \cpm_node.pairs),
                field("stamp", \cpm_node.stamp), field("born", \cpm_node.born),
                field("changed", \cpm_node.changed),
            ]
        ),
    ]

    @Test("Every field table is what the compiler lays out", arguments: structs.map(\.name))
    func fieldTable(name: String) throws {
        let structure = try #require(Self.structs.first { $0.name == name })
        let documented = FormatDocument().fields(of: name)
        #expect(documented == structure.fields)
        #expect(structure.size == structure.stride)
        var end = 0
        for field in documented {
            #expect(field.offset == end, "gap before \(field.name)")
            end = field.offset + field.size
        }
        #expect(end == structure.size)
    }

    @Test("Magics, as the bytes that a hex dump shows")
    func magics() {
        func text<T: FixedWidthInteger>(_ value: T, _ count: Int) -> String {
            unsafe withUnsafeBytes(of: value.littleEndian) {
                unsafe String(decoding: $0.prefix(count), as: UTF8.self)
            }
        }
        #expect(text(CPM_SEGMENT_MAGIC, 8) == "PPmeSEG1")
        #expect(text(CPM_SUPERBLOCK_MAGIC, 8) == "PSuPER1\0")
        #expect(text(CPM_TABLE_MAGIC, 8) == "1CHUTBLK")
        #expect(text(CPM_BITMAP_MAGIC, 4) == "BMAP")
        #expect(text(CPM_LOG_MAGIC, 2) == "LE")
        #expect(text(CPM_NODE_MAGIC, 2) == "ND")
    }

    @Test("Constants, restated")
    func constants() {
        #expect(CPM_FORMAT_VERSION == 1)
        #expect(SegmentLayout.chunkBytes == 2_097_152)
        #expect(Superblock.slotBytes == 16_384)
        #expect(Superblock.blockLimit == 64_512)
        #expect(SegmentLayout.byteLimit == 1 << 47)
        #expect(ChunkTable.chunksPerBlock == 56)
        #expect(Record.keyLimit == 65_535)
        #expect(Record.inlineValueLimit == 32_768)
        #expect(Record.valueLimit == 1 << 40)
        #expect(Int(CPM_VALUE_EXTERNAL) == 0xffff)
        #expect([CPM_OPERATION_PUT, CPM_OPERATION_DELETE, CPM_OPERATION_DELETE_RANGE] == [1, 2, 3])
        #expect([CPM_LOG_SPILLED, CPM_LOG_PAD] == [2, 4])
        #expect([Chunk.free, Chunk.reserved, Chunk.run, Chunk.runBody, Chunk.slab] == [0, 1, 2, 3, 16])
    }

    @Test("Parts of nodes, restated")
    func nodes() {
        #expect(NodeLayout.byteCount == 1024)
        #expect(NodeLayout.leafCapacity == 56)
        #expect(NodeLayout.leafReferences == 512)
        #expect(NodeLayout.leafPrefix == 960)
        #expect(NodeLayout.leafPrefixLimit == 64)
        #expect(NodeLayout.innerCapacity == 52)
        #expect(NodeLayout.innerReferences == 480)
        #expect(NodeLayout.innerLengths == 896)
        #expect(NodeLayout.innerHeap == 948)
        #expect(NodeLayout.longSeparator == 255)
        #expect(NodeLayout.depthLimit == 20)
    }

    @Test("Size classes and slab geometry are the table's")
    func sizeClasses() {
        let rows = FormatDocument().rows(below: "## 7. Chunks, size classes, slabs, bitmaps")
            .compactMap { cells in cells.count == 4 ? cells.compactMap { Int($0) } : nil }
            .filter { $0.count == 4 }
        #expect(rows.count == SizeClass.count)
        for (index, row) in rows.enumerated() {
            let geometry = ChunkGeometry(sizeClass: index, reservedBytes: 0)
            #expect(row == [index, SizeClass.slotBytes[index], geometry.slotCount, geometry.bitmapBytes])
            #expect(geometry.slotsStart + geometry.slotCount * geometry.slotBytes <= 2_097_152)
        }
        #expect(SizeClass.slotBytes.prefix(3) == [1024, 64, 128])
        #expect(SizeClass.slotBytes.suffix(3) == [697_664, 1_046_528, 2_093_056])
    }

    @Test("The smallest class that holds a record is taken")
    func smallestClass() throws {
        for bytes in Array(0...2100) + [32_768, 65_536, 65_537, 98_315, 2_093_056] {
            let index = try #require(SizeClass.index(for: bytes))
            #expect(index >= 1)
            #expect(SizeClass.slotBytes[index] >= bytes)
            if index > 1 { #expect(SizeClass.slotBytes[index - 1] < bytes) }
        }
        #expect(SizeClass.index(for: 2_093_057) == nil)
    }

    // MARK: Examples

    @Test("The example store is byte for byte the document's")
    func examples() throws {
        let examples = FormatDocument().examples
        #expect(examples.count == 9)
        let store = try ExampleStore()
        let first = store[20_480, 256]
        try store.put([("key", "value")])
        let operation = store[40_960 + 24, 8]
        try store.engine.checkpoint(isClosing: true)
        for example in examples {
            switch (example.structure, example.offset) {
            case ("segment-header", _): #expect(try Self.segmentHeader() == example.bytes)
            case ("superblock", 20_480): #expect(first == example.bytes)
            default:
                let found = store[example.offset, example.bytes.count]
                #expect(found == example.bytes, "\(example.structure) at \(example.offset)")
            }
        }
        #expect(operation == [0x81, 0xbe, 0x01, 0, 0, 0, 0, 0])
    }

    private static func segmentHeader() throws -> [UInt8] {
        let scratch = ScratchDirectory(.volatileMemory)
        let layout = try #require(
            SegmentLayout(index: 0, baseOffset: 0, byteCount: 16 << 20, logBytes: 65_536))
        let seal = SegmentHeader.Seal(
            extentFingerprint: 0x3333_3333_3333_3333, fileSystemIdentifier: 0x4444_4444_4444_4444, inode: 0x55
        )
        let (low, high) = ExampleStore.identifier
        let header = SegmentHeader(
            layout: layout, identifier: StoreIdentifier(low: low, high: high), seal: seal)
        let path = scratch.path + "/header"
        try header.write(to: OpenFile(path, flags: O_RDWR | O_CREAT, mode: 0o600))
        return bytes(of: path)
    }
}
