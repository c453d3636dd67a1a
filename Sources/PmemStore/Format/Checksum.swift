internal import CPmem

/// Checksums, each started from a seed that binds it to a structure and a place (docs/format.md, "Checksums").
package enum Checksum {
    /// Kind of structure that a checksum belongs to; part of the seed.
    package enum Structure: UInt32 {
        case record = 0x5265_636f
        case largeValue = 0x4c61_7267
        case logEntry = 0x4c6f_6745
        case logSpill = 0x5370_696c
        case node = 0x4e6f_6465
        case superblock = 0x5375_7065
        case chunkTable = 0x4368_756e
        case bitmap = 0x4269_746d
    }

    /// The seed for a structure at an offset.
    @inline(__always)
    package static func seed(_ structure: Structure, offset: UInt64) -> UInt32 {
        let mixed = (offset ^ UInt64(structure.rawValue) << 16) &* 0x9e37_79b9_7f4a_7c15
        return UInt32(truncatingIfNeeded: mixed >> 32)
    }

    /// The seed for a log entry: salt, commit number and the entry's own offset.
    @inline(__always)
    package static func logSeed(salt: UInt64, commit: UInt64, offset: UInt64) -> UInt32 {
        let mixed = (salt ^ commit &* 0xff51_afd7_ed55_8ccd) &+ offset
        return seed(.logEntry, offset: mixed)
    }

    /// The checksum of `byteCount` bytes.
    @inline(__always)
    package static func of(_ bytes: UnsafeRawPointer, _ byteCount: Int, seed: UInt32) -> UInt32 {
        unsafe cpm_checksum(seed, bytes, UInt64(byteCount))
    }
}
