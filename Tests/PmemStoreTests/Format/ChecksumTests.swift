internal import CPmem
import Testing

@testable internal import PmemStore

@Suite("Format: checksums")
struct ChecksumTests {
    private static func bytes(_ count: Int) -> [UInt8] {
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
    }

    private static func hardware(_ seed: UInt32, _ bytes: ArraySlice<UInt8>) -> UInt32 {
        unsafe bytes.withUnsafeBytes { unsafe cpm_checksum(seed, $0.baseAddress, UInt64($0.count)) }
    }

    private static func portable(_ seed: UInt32, _ bytes: ArraySlice<UInt8>) -> UInt32 {
        unsafe bytes.withUnsafeBufferPointer {
            unsafe cpm_checksum_portable(seed, $0.baseAddress, UInt64($0.count))
        }
    }

    @Test("The instruction and the portable loop agree", arguments: [0, 1, 0x1234_5678, UInt32.max])
    func implementations(seed: UInt32) {
        let bytes = Self.bytes(608)
        for count in 0...600 {
            // From an odd address as well: records are not aligned within buffers.
            for start in [0, count % 8] {
                let range = bytes[start..<(start + count)]
                #expect(Self.hardware(seed, range) == Self.portable(seed, range))
            }
        }
    }

    @Test("Known values of another implementation, as docs/format.md has them")
    func knownValues() {
        let ramp = (0..<512).map { UInt8($0 & 255) }
        let known: [(UInt32, [UInt8], UInt32)] = [
            (0, [], 0), (0, [0x61], 0xcfe4_835b), (0, Array("12345678".utf8), 0xaf81_d788),
            (0xffff_ffff, Array("123456789".utf8), 0x2b1b_76dd),
            (1, [UInt8](repeating: 0, count: 300), 0x6fee_f17d),
            (7, Array(ramp[..<257]), 0x7eb0_4782), (0xdead_beef, ramp, 0x2c8d_fcf9),
        ]
        for (seed, bytes, checksum) in known {
            #expect(Self.hardware(seed, bytes[...]) == checksum)
            #expect(Self.portable(seed, bytes[...]) == checksum)
        }
    }

    @Test("Seeds at offset 4096")
    func seeds() {
        let known: [(Checksum.Structure, UInt32)] = [
            (.record, 0x0f65_4585), (.largeValue, 0x63fc_3a22), (.logEntry, 0x36f3_e80f),
            (.logSpill, 0xbde3_f075), (.node, 0xd69e_1bea), (.superblock, 0xf8c0_eb39),
            (.chunkTable, 0xc139_3c33), (.bitmap, 0xc2ce_d982),
        ]
        for (structure, seed) in known { #expect(Checksum.seed(structure, offset: 4096) == seed) }
    }

    /// Records are covered from their fifth byte on, so that a unit of the medium lies across two words.
    @Test("Lost units are noticed in repeating bytes too: one, two, or a stretch", arguments: [0, 4])
    func repeatingBytes(shift: Int) {
        for count in [255, 256, 260, 264, 300, 420] {
            let bytes = [UInt8](repeating: 0x78, count: shift + count)
            let whole = Self.hardware(5, bytes[shift...])
            func without(_ units: some Sequence<Int>) -> UInt32 {
                var torn = bytes
                for unit in units {
                    for place in (8 * unit)..<min(8 * unit + 8, torn.count) { torn[place] = 0 }
                }
                return Self.hardware(5, torn[shift...])
            }
            let units = bytes.count / 8
            for first in 0..<units {
                for last in first..<units {
                    #expect(without([first, last]) != whole)
                    #expect(without(first...last) != whole)
                }
            }
        }
    }

    @Test("Trailing zeros, every single bit and the seed make a difference")
    func differences() {
        var bytes = Self.bytes(300)
        let whole = Self.hardware(5, bytes[...])
        #expect(Self.hardware(6, bytes[...]) != whole)
        #expect(Self.hardware(5, (bytes + [0])[...]) != whole)
        for bit in 0..<(8 * bytes.count) {
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(Self.hardware(5, bytes[...]) != whole)
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        }
    }
}
