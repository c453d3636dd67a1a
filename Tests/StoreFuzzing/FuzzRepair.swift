internal import CPmem
internal import PmemStore

/// Makes checksums right again after a change, up to the superblock, so that the change reaches the code behind them.
struct FuzzRepair {
    let image: FuzzImage
    let memory: FuzzMemory

    func repair(_ structure: FuzzStructure, depth: Int = 0) {
        guard depth < 8 else { return }
        let offset = structure.offset
        switch structure {
        case .superblock: repairSuperblock(offset)
        case .tableBlock:
            write(sum(offset + 12, 500, Checksum.seed(.chunkTable, offset: UInt64(offset))), offset + 8)
        case .bitmap: repairBitmap(offset, depth)
        case .node:
            let bytes = clamped(Int(memory.load(offset + 12, as: UInt16.self)) * 64, at: offset)
            let checksum = sum(offset + 4, bytes - 4, Checksum.seed(.node, offset: UInt64(offset)))
            write(checksum, offset)
            repairOwners(structure, checksum, depth)
        case .logEntry:
            let bytes = clamped(Int(memory.load(offset + 4, as: UInt32.self)), at: offset)
            let commit = memory.load(offset + 8, as: UInt64.self)
            let seed = Checksum.logSeed(salt: 0x5a17, commit: commit, offset: UInt64(offset))
            write(sum(offset + 4, bytes - 4, seed), offset)
        case .record:
            let value = Int(memory.load(offset + 10, as: UInt16.self))
            let length = 12 + Int(memory.load(offset + 8, as: UInt16.self)) + (value == 0xffff ? 24 : value)
            let bytes = clamped(length, at: offset)
            let checksum = sum(offset + 4, bytes - 4, Checksum.seed(.record, offset: UInt64(offset)))
            write(checksum, offset)
            repairOwners(structure, checksum, depth)
        }
    }

    private func clamped(_ bytes: Int, at offset: Int) -> Int {
        max(64, min(bytes, memory.byteCount - offset))
    }

    private func sum(_ offset: Int, _ bytes: Int, _ seed: UInt32) -> UInt32 {
        guard offset >= 0, bytes > 0, offset + bytes <= memory.byteCount else { return 0 }
        return unsafe Checksum.of(memory.base + offset, bytes, seed: seed)
    }

    private func write(_ checksum: UInt32, _ offset: Int) {
        memory.write(UInt64(checksum), at: offset, byteCount: 4)
    }

    private func repairSuperblock(_ offset: Int) {
        write(0, offset + 12)
        let blocks = Int(memory.load(offset + 108, as: UInt32.self))
        let used = min(256 + (blocks + 3) / 4, Superblock.slotBytes)
        write(sum(offset, used, Checksum.seed(.superblock, offset: UInt64(offset))), offset + 12)
    }

    /// The words that name a structure carry 16 bits of its checksum, an operation in the log all 32.
    private func repairOwners(_ structure: FuzzStructure, _ checksum: UInt32, _ depth: Int) {
        for reference in image.references[structure] ?? [] {
            if case .logEntry = reference.owner {
                write(checksum, reference.word + 20)
            } else {
                memory.write(UInt64(checksum & 0xffff), at: reference.word + 6, byteCount: 2)
            }
            repair(reference.owner, depth: depth + 1)
        }
    }

    /// A chunk's descriptor carries the checksum of its bitmap.
    private func repairBitmap(_ offset: Int, _ depth: Int) {
        let slots = Int(memory.load(offset + 8, as: UInt32.self))
        let words = clamped(16 + (slots + 63) / 64 * 8, at: offset) - 8
        let checksum = sum(offset + 8, words, Checksum.seed(.bitmap, offset: UInt64(offset)))
        write(checksum, offset + 4)
        for case .tableBlock(let block) in image.structures[1] {
            write(checksum, block + 64 + 8 * (offset >> 21) + 4)
            repair(.tableBlock(block), depth: depth + 1)
        }
    }
}
