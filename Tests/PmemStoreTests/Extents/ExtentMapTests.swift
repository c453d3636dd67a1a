internal import CPmem
internal import Glibc
import Testing

@testable internal import PmemStore

@Suite("Extents: block map")
struct ExtentMapTests {
    private typealias Extent = ExtentMap.Extent

    private func extent(_ logical: UInt64, _ physical: UInt64, _ byteCount: UInt64, _ flags: Int32 = 0)
        -> Extent
    {
        Extent(logical: logical, physical: physical, byteCount: byteCount, flags: UInt32(flags))
    }

    @Test("The same map in other pieces is the same map")
    func normalisation() {
        let whole = ExtentMap(reported: [extent(0, 4096, 16384, FIEMAP_EXTENT_LAST)], byteCount: 12288)
        let pieces = ExtentMap(
            reported: [extent(0, 4096, 4096), extent(4096, 8192, 8192), extent(12288, 90112, 4096)],
            byteCount: 12288)
        #expect(whole == pieces)
        #expect(whole.fingerprint == pieces.fingerprint)
        #expect(whole.firstDifference(from: pieces) == nil)
        #expect(whole.disqualifier == nil)
    }

    @Test("A moved block changes fingerprint and comparison")
    func movedBlock() {
        let before = ExtentMap(reported: [extent(0, 4096, 8192)], byteCount: 8192)
        let after = ExtentMap(reported: [extent(0, 4096, 4096), extent(4096, 40960, 4096)], byteCount: 8192)
        #expect(before.fingerprint != after.fingerprint)
        #expect(after.firstDifference(from: before) != nil)
        #expect(before.firstDifference(from: after) != nil)
    }

    @Test("Holes are named, at the start, between and at the end")
    func holes() {
        let start = ExtentMap(reported: [extent(4096, 4096, 4096)], byteCount: 8192)
        let between = ExtentMap(
            reported: [extent(0, 4096, 4096), extent(8192, 12288, 4096)], byteCount: 12288)
        let end = ExtentMap(reported: [extent(0, 4096, 4096)], byteCount: 8192)
        #expect(start.disqualifier == "byte 0 is in a hole")
        #expect(between.disqualifier == "byte 4096 is in a hole")
        #expect(end.disqualifier == "byte 4096 is in a hole")
        #expect(ExtentMap(reported: [], byteCount: 4096).disqualifier == "byte 0 is in a hole")
    }

    @Test(
        "Extents that are not final are named",
        arguments: [
            FIEMAP_EXTENT_UNWRITTEN, FIEMAP_EXTENT_DELALLOC, FIEMAP_EXTENT_SHARED, FIEMAP_EXTENT_ENCODED,
            FIEMAP_EXTENT_DATA_ENCRYPTED, FIEMAP_EXTENT_DATA_INLINE, FIEMAP_EXTENT_UNKNOWN,
            FIEMAP_EXTENT_NOT_ALIGNED, FIEMAP_EXTENT_DATA_TAIL,
        ])
    func disqualifyingFlags(flag: Int32) {
        let map = ExtentMap(
            reported: [extent(0, 4096, 4096), extent(4096, 8192, 4096, flag)], byteCount: 8192)
        #expect(map.disqualifier?.hasPrefix("the extent at byte 4096 ") == true)
    }

    @Test("An allocated file that was never written is not final", arguments: Place.allCases)
    func measured(place: Place) throws {
        let scratch = ScratchDirectory(place)
        let file = try OpenFile(scratch.path + "/file", flags: O_RDWR | O_CREAT, mode: 0o600)
        #expect(ftruncate(file.descriptor, 1 << 20) == 0)
        #expect(try ExtentMap(descriptor: file.descriptor, byteCount: 1 << 20).disqualifier != nil)
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        #expect(unsafe pwrite(file.descriptor, zeros, zeros.count, 0) == zeros.count)
        #expect(fdatasync(file.descriptor) == 0)
        let map = try ExtentMap(descriptor: file.descriptor, byteCount: 1 << 20)
        #expect(map.disqualifier == nil)
        #expect(map.isReported == (place == .ordinaryFileSystem))
    }

    @Test("More extents than one request returns are all found")
    func manyExtents() throws {
        let scratch = ScratchDirectory(.ordinaryFileSystem)
        let file = try OpenFile(scratch.path + "/file", flags: O_RDWR | O_CREAT, mode: 0o600)
        let page = [UInt8](repeating: 1, count: 4096)
        for index in 0..<200 { _ = unsafe pwrite(file.descriptor, page, 4096, off_t(index * 8192)) }
        #expect(fdatasync(file.descriptor) == 0)
        #expect(try ExtentMap(descriptor: file.descriptor, byteCount: 200 * 8192).extents.count == 200)
    }
}
