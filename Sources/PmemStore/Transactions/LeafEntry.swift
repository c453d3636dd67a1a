package import CPmem

/// The words of a leaf, as operations of the log make them.
package enum LeafEntry {
    /// Bit 0 of a record reference: the value has an extent of its own.
    package static let external: UInt64 = 1

    @inline(__always)
    package static func offset(_ operation: cpm_log_operation) -> UInt64 {
        operation.record & PlaceBits.offset
    }

    @inline(__always)
    package static func reference(_ operation: cpm_log_operation) -> UInt64 {
        let place = RecordReference(offset: offset(operation), checksum: operation.checksum)
        return place.raw | (operation.record >> 5 & 1)
    }

    @inline(__always)
    package static func kind(_ operation: cpm_log_operation) -> UInt32 { UInt32(operation.record & 31) }
}
