package import CPmem
internal import Glibc

/// A record as it lies on the medium: header, key, value (docs/format.md, "Record").
@safe package struct RecordPointer {
    package let address: UnsafeRawPointer

    @inline(__always)
    package init(_ address: UnsafeRawPointer) { unsafe self.address = unsafe address }

    @inline(__always)
    package var checksum: UInt32 { unsafe address.loadUnaligned(as: UInt32.self) }

    @inline(__always)
    package var epoch: UInt32 { unsafe address.loadUnaligned(fromByteOffset: 4, as: UInt32.self) }

    @inline(__always)
    package var keyBytes: Int { unsafe Int(address.loadUnaligned(fromByteOffset: 8, as: UInt16.self)) }

    @inline(__always)
    package var rawValueBytes: UInt16 { unsafe address.loadUnaligned(fromByteOffset: 10, as: UInt16.self) }

    @inline(__always)
    package var isExternal: Bool { rawValueBytes == UInt16(CPM_VALUE_EXTERNAL) }

    @inline(__always)
    package var key: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: address + Record.headerBytes, count: keyBytes)
    }

    /// The value's bytes in the record; for an external value, its descriptor.
    @inline(__always)
    package var inlineBytes: Int {
        let bytes = rawValueBytes
        return bytes == UInt16(CPM_VALUE_EXTERNAL)
            ? MemoryLayout<cpm_external_value>.size : Int(bytes)
    }

    @inline(__always)
    package var inlineValue: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: address + Record.headerBytes + keyBytes, count: inlineBytes)
    }

    /// Size of the whole record.
    @inline(__always)
    package var byteCount: Int { Record.headerBytes + keyBytes + inlineBytes }

    /// Where a large value lies. Only when ``isExternal``.
    package var external: cpm_external_value {
        unsafe (address + Record.headerBytes + keyBytes).loadUnaligned(as: cpm_external_value.self)
    }

    /// The checksum that the record should carry at `offset`.
    @inline(__always)
    package func computedChecksum(offset: UInt64) -> UInt32 {
        unsafe Checksum.of(address + 4, byteCount - 4, seed: Checksum.seed(.record, offset: offset))
    }
}

/// Sizes and limits of records.
package enum Record {
    package static let headerBytes = MemoryLayout<cpm_record_header>.size
    /// Longest key in bytes.
    package static let keyLimit = 65_535
    /// Longest value that stands in its record; longer ones get an extent of their own.
    package static let inlineValueLimit = 32_768
    /// Longest value: one run of chunks, as long as the length fits 40 bits.
    package static let valueLimit = 1 << 40
    /// Largest record.
    package static let byteLimit = headerBytes + keyLimit + inlineValueLimit
}

/// A key as the tree sees it.
package typealias KeyBytes = UnsafeRawBufferPointer

/// Orders two keys: bytewise, a prefix before what it is a prefix of.
@inline(__always)
package func compareKeys(_ left: KeyBytes, _ right: KeyBytes) -> Int {
    unsafe compareKeys(left, right, from: 0)
}

/// As ``compareKeys(_:_:)``, for keys of which the first `start` bytes are known to be equal.
@inline(__always)
package func compareKeys(_ left: KeyBytes, _ right: KeyBytes, from start: Int) -> Int {
    let shared = min(left.count, right.count)
    guard shared > start, let a = left.baseAddress, let b = right.baseAddress else {
        return left.count - right.count
    }
    // Keys are short: two words at a time beat a call. The last word may overlap what was compared already.
    if shared >= 8 && shared - start <= 16 {
        let first = min(start, shared - 8)
        let order = unsafe compareWords(a + first, b + first)
        if order != 0 { return order }
        let last = unsafe compareWords(a + (shared - 8), b + (shared - 8))
        return last != 0 ? last : left.count - right.count
    }
    let order = unsafe memcmp(a + start, b + start, shared - start)
    return order != 0 ? Int(order) : left.count - right.count
}

@inline(__always)
private func compareWords(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer) -> Int {
    let a = unsafe left.loadUnaligned(as: UInt64.self).byteSwapped
    let b = unsafe right.loadUnaligned(as: UInt64.self).byteSwapped
    return a == b ? 0 : a < b ? -1 : 1
}

/// Number of bytes that two keys share at their start, at most `limit`.
package func sharedPrefix(_ left: KeyBytes, _ right: KeyBytes, limit: Int = .max) -> Int {
    let end = min(left.count, right.count, limit)
    var index = 0
    while index < end, unsafe left[index] == right[index] { index += 1 }
    return index
}

/// The 8 bytes of a key after its first `prefix` ones, as a number that orders like them; zero-padded.
@inline(__always)
package func keyHead(_ key: KeyBytes, after prefix: Int) -> UInt64 {
    let left = key.count - prefix
    guard left > 0, let start = key.baseAddress else { return 0 }
    if left >= 8 {
        return unsafe (start + prefix).loadUnaligned(as: UInt64.self).byteSwapped
    }
    var head: UInt64 = 0
    for index in 0..<left { unsafe head |= UInt64(key[prefix + index]) << UInt64(56 - 8 * index) }
    return head
}
