import CPmem
import Glibc

/// A key and its value in one object of the pool: lengths (4 bytes each), key, value.
@safe struct PmemobjRecord {
    let address: UnsafeMutableRawPointer

    init(_ address: UnsafeMutableRawPointer) {
        unsafe self.address = address
    }

    static func byteCount(keyBytes: Int, valueBytes: Int) -> Int {
        8 + keyBytes + valueBytes
    }

    var keyBytes: Int { Int(unsafe address.load(as: UInt32.self)) }

    var valueBytes: Int { Int(unsafe address.load(fromByteOffset: 4, as: UInt32.self)) }

    var valueAddress: UnsafeMutableRawPointer { unsafe address + 8 + keyBytes }

    var key: RawSpan {
        @_lifetime(immortal)
        get {
            let span = unsafe RawSpan(_unsafeStart: address + 8, byteCount: keyBytes)
            return unsafe _overrideLifetime(span, borrowing: ())
        }
    }

    var value: RawSpan {
        @_lifetime(immortal)
        get {
            let span = unsafe RawSpan(_unsafeStart: valueAddress, byteCount: valueBytes)
            return unsafe _overrideLifetime(span, borrowing: ())
        }
    }

    /// Fills a fresh record.
    func write(_ key: RawSpan, _ value: RawSpan) {
        unsafe address.storeBytes(of: UInt32(key.byteCount), as: UInt32.self)
        unsafe address.storeBytes(of: UInt32(value.byteCount), toByteOffset: 4, as: UInt32.self)
        unsafe key.withUnsafeBytes { source in
            if let start = source.baseAddress {
                unsafe (address + 8).copyMemory(from: start, byteCount: source.count)
            }
        }
        writeValue(value)
    }

    /// Writes over the value with one of the same length.
    func writeValue(_ value: RawSpan) {
        unsafe value.withUnsafeBytes { source in
            if let start = source.baseAddress {
                unsafe valueAddress.copyMemory(from: start, byteCount: source.count)
            }
        }
    }

    /// Negative when `other` is below this record's key, zero when equal, positive when above.
    func compare(_ other: RawSpan) -> Int {
        let length = keyBytes
        return unsafe other.withUnsafeBytes { bytes in
            let common = min(length, bytes.count)
            if common > 0, let start = bytes.baseAddress {
                let order = unsafe memcmp(start, address + 8, common)
                if order != 0 { return Int(order) }
            }
            return bytes.count - length
        }
    }

    /// The key's first 8 bytes as a number that sorts like them.
    @inline(__always)
    static func head(_ key: RawSpan) -> UInt64 {
        if key.byteCount >= 8 {
            return unsafe UInt64(bigEndian: key.unsafeLoadUnaligned(as: UInt64.self))
        }
        var head: UInt64 = 0
        for index in 0..<key.byteCount {
            head |=
                UInt64(unsafe key.unsafeLoad(fromByteOffset: index, as: UInt8.self)) << UInt64(56 - 8 * index)
        }
        return head
    }
}
