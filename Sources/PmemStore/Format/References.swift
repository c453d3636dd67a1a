/// The 8-byte words by which leaves name records and nodes name nodes.
///
/// Both carry 16 bits of the checksum of what they point to, so that a lost or misplaced write is noticed even though
/// the stale bytes are valid in themselves.

/// Names a record on the medium: its offset in bits 6...47, 16 bits of its checksum in bits 48...63.
package struct RecordReference: Equatable, Sendable {
    package let raw: UInt64

    @inline(__always)
    package init(raw: UInt64) { self.raw = raw }

    @inline(__always)
    package init(offset: UInt64, checksum: UInt32) {
        raw = offset | UInt64(checksum & 0xffff) << 48
    }

    /// Bytes from the start of the store's address range; a multiple of 64.
    @inline(__always)
    package var offset: UInt64 { raw & PlaceBits.offset }

    /// The low half of the record's checksum.
    @inline(__always)
    package var check: UInt32 { UInt32(truncatingIfNeeded: raw >> 48) }
}

/// Names a node: a DRAM address (bit 0 clear) or a place on the medium (bit 0 set, then as ``RecordReference``).
package struct NodeReference: Equatable, Sendable {
    package let raw: UInt64

    @inline(__always)
    package init(raw: UInt64) { self.raw = raw }

    @inline(__always)
    package init(offset: UInt64, checksum: UInt32) {
        raw = offset | UInt64(checksum & 0xffff) << 48 | 1
    }

    @inline(__always)
    package init(_ node: NodePointer) { raw = unsafe UInt64(UInt(bitPattern: node.address)) }

    /// The reference of an empty tree.
    @inline(__always)
    package static var none: NodeReference { NodeReference(raw: 0) }

    @inline(__always)
    package var isNone: Bool { raw == 0 }

    /// True when the node is in DRAM and this word is its address.
    @inline(__always)
    package var isResident: Bool { raw & 1 == 0 }

    @inline(__always)
    package var offset: UInt64 { raw & PlaceBits.offset }

    @inline(__always)
    package var check: UInt32 { UInt32(truncatingIfNeeded: raw >> 48) }

    /// True for what may stand on the medium: a place, bits 1...5 clear.
    package var isPlace: Bool { raw & 63 == 1 }
}

/// How a place is packed into a word.
package enum PlaceBits {
    /// Bits 6...47: offsets are multiples of 64 below 256 TiB.
    package static let offset: UInt64 = 0x0000_ffff_ffff_ffc0
}
