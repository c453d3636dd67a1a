import Testing

@testable internal import PmemStore

@Suite("Format: segment layout")
struct SegmentLayoutTests {
    @Test("The first segment holds superblocks, chunk table and log")
    func firstSegment() throws {
        let layout = try #require(
            SegmentLayout(index: 0, baseOffset: 0, byteCount: 32 << 20, logBytes: 8 << 20))
        #expect(SegmentLayout.superblockOffset(slot: 0) == 4096)
        #expect(SegmentLayout.superblockOffset(slot: 1) == 20480)
        #expect(layout.chunkCount == 16)
        #expect(layout.tableBlockCount == 1)
        #expect(layout.chunkTableOffset == 36864)
        #expect(layout.logOffset == 40960)
        #expect(layout.reservedBytes == 40960 + 8 << 20)
    }

    @Test("Later segments hold a chunk table only")
    func laterSegment() throws {
        let layout = try #require(
            SegmentLayout(index: 3, baseOffset: 64 << 20, byteCount: 4 << 20, logBytes: 0))
        #expect(layout.chunkTableOffset == 4096)
        #expect(layout.logOffset == 0)
        #expect(layout.reservedBytes == 8192)
    }

    @Test(
        "The chunk table has two copies of 56 chunks a block, in whole pages",
        arguments: [(56, 1, 8192), (57, 2, 8192), (224, 4, 8192), (225, 5, 12288)])
    func chunkTable(chunks: Int, blocks: Int, reserved: UInt64) throws {
        let layout = try #require(
            SegmentLayout(index: 1, baseOffset: 2 << 20, byteCount: UInt64(chunks) << 21, logBytes: 0))
        #expect(layout.tableBlockCount == blocks)
        #expect(layout.reservedBytes == reserved)
    }

    @Test(
        "What no segment can look like is refused, not trapped",
        arguments: [
            (0, 0, 0, 4096), (0, 0, UInt64.max, 4096), (0, 0, UInt64.max - (2 << 20) + 1, 4096),
            (0, 0, (4 << 20) + 4096, 4096), (0, 0, 4 << 20, 0), (0, 0, 4 << 20, 100),
            (0, 0, 4 << 20, 4 << 20), (0, 0, 4 << 20, UInt64.max - 4095), (0, 0, 2 << 20, 4096),
            (0, 2 << 20, 4 << 20, 4096), (1, 0, 4 << 20, 0), (1, 4 << 20, 4 << 20, 4096),
            (1, UInt64.max, 4 << 20, 0), (-1, 4 << 20, 4 << 20, 0),
        ] as [(Int, UInt64, UInt64, UInt64)])
    func impossible(index: Int, baseOffset: UInt64, byteCount: UInt64, logBytes: UInt64) {
        let layout = SegmentLayout(
            index: index, baseOffset: baseOffset, byteCount: byteCount, logBytes: logBytes)
        #expect(layout == nil)
    }
}
