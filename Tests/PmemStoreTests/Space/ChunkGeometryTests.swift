internal import CPmem
import Testing

@testable internal import PmemStore
@testable internal import PmemStoreTesting

/// As many slots as fit a chunk beside their bitmaps, and how they are counted.
@Suite("Space: slots of a chunk")
struct ChunkGeometryTests {
    @Test("No chunk has room for one slot more, whatever is reserved of it")
    func mostSlots() {
        for reserved in [0, 64, 4096, 61_440, 65_536, 1 << 20, Space.chunkBytes - 64, Space.chunkBytes] {
            for sizeClass in 0..<SizeClass.count {
                let geometry = ChunkGeometry(sizeClass: sizeClass, reservedBytes: reserved)
                let slot = SizeClass.slotBytes[sizeClass]
                let room = Space.chunkBytes - reserved
                func bytes(_ slots: Int) -> Int {
                    2 * ((16 + (slots + 63) / 64 * 8 + 63) & ~63) + slots * slot
                }
                #expect(geometry.slotCount == 0 || bytes(geometry.slotCount) <= room)
                #expect(bytes(geometry.slotCount + 1) > room, "class \(sizeClass), \(reserved) reserved")
            }
        }
    }

    @Test("Bits are counted alike by every processor")
    func bits() {
        var random = SeededGenerator(seed: TestPlan.seeds([1])[0])
        for count in 0..<70 {
            let words = (0..<count).map { _ in random.next() & random.next() }
            let expected = UInt64(words.reduce(0) { $0 + $1.nonzeroBitCount })
            unsafe words.withUnsafeBufferPointer { buffer in
                guard let start = buffer.baseAddress else { return }
                #expect(unsafe cpm_count_bits(start, UInt64(count)) == expected)
                #expect(unsafe cpm_count_bits_portable(start, UInt64(count)) == expected)
            }
        }
    }
}
