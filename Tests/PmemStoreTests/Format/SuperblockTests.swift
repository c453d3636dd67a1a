internal import CPmem
import Testing

@testable internal import PmemStore

@Suite("Format: superblock")
struct SuperblockTests {
    private static func sample(generation: UInt64, blocks: Int) -> Superblock {
        var fields = cpm_superblock()
        fields.generation = generation
        fields.commit = 77
        fields.root = 0x1234_0000_0020_0281
        fields.logPosition = 4096
        fields.salt = 0x0123_4567_89ab_cdef
        fields.logOffset = 40_960
        fields.logBytes = 65_536
        fields.byteCount = 16 << 20
        fields.segmentCount = 1
        fields.tableBlockCount = UInt32(blocks)
        fields.nextTable = 9
        fields.epoch = 12
        let bits = (0..<((blocks + 3) / 4)).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 2) }
        return Superblock(fields: fields, copyBits: bits)
    }

    private static func decode(_ bytes: [UInt8], at offset: UInt64) -> Superblock? {
        // A slot is always readable as a whole.
        let slot = bytes + [UInt8](repeating: 0, count: max(0, Superblock.slotBytes - bytes.count))
        return unsafe slot.withUnsafeBytes { slot in
            guard let start = slot.baseAddress else { return nil }
            return unsafe Superblock(slot: start, offset: offset)
        }
    }

    @Test("What is written is what is read", arguments: [0, 1, 4, 5, 64_512], [UInt64(1), 2])
    func roundTrip(blocks: Int, generation: UInt64) throws {
        let superblock = Self.sample(generation: generation, blocks: blocks)
        let bytes = superblock.encoded()
        #expect(bytes.count.isMultiple(of: 64))
        #expect(bytes.count <= Superblock.slotBytes)
        let offset = Superblock.offset(generation: generation)
        let read = try #require(Self.decode(bytes, at: offset))
        #expect(read.copyBits == superblock.copyBits)
        #expect(read.encoded() == bytes)
        #expect(read.fields.commit == 77)
        #expect(read.fields.root == 0x1234_0000_0020_0281)
        #expect(read.fields.epoch == 12)
    }

    @Test("Every flipped bit of a used byte is refused")
    func flips() {
        let superblock = Self.sample(generation: 3, blocks: 9)
        var bytes = superblock.encoded()
        let offset = Superblock.offset(generation: 3)
        let used = Superblock.headerBytes + superblock.copyBits.count
        for bit in 0..<(8 * used) {
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(Self.decode(bytes, at: offset) == nil, "bit \(bit % 8) of byte \(bit / 8)")
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        }
        #expect(Self.decode(bytes, at: offset) != nil)
    }

    @Test("A superblock in the other slot is refused")
    func misplaced() {
        let bytes = Self.sample(generation: 3, blocks: 1).encoded()
        #expect(Self.decode(bytes, at: Superblock.offset(generation: 2)) == nil)
    }

    @Test("Every torn write of 8-byte units is refused")
    func torn() {
        let old = Self.sample(generation: 1, blocks: 4).encoded()
        let new = Self.sample(generation: 3, blocks: 4).encoded()
        for unit in 0..<(new.count / 8)
        where old[(8 * unit)..<(8 * unit + 8)] != new[(8 * unit)..<(8 * unit + 8)] {
            var bytes = new
            bytes.replaceSubrange((8 * unit)..<(8 * unit + 8), with: old[(8 * unit)..<(8 * unit + 8)])
            #expect(Self.decode(bytes, at: Superblock.offset(generation: 3)) == nil)
        }
    }
}
