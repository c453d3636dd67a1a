/// What the pairs of a run look like, and how a key's number is found again in them.
///
/// A key is its number in 8 big-endian bytes, so that numbers and keys sort alike, followed by bytes spread from the
/// number. A shorter key is the number's last bytes. A value begins with the spread number, by which every read is
/// checked; the rest is filler that does not compress.
struct PairShape: Sendable, Equatable {
    let keyBytes: Int
    let valueBytes: Int

    var pairBytes: Int { keyBytes + valueBytes }

    /// How many different keys there can be; nil: more than 64 bits can count.
    var capacity: UInt64? {
        keyBytes >= 8 ? nil : 1 << UInt64(8 * keyBytes)
    }

    @inline(__always)
    func number(ofKey key: RawSpan) -> UInt64 {
        if keyBytes >= 8 {
            return unsafe UInt64(bigEndian: key.unsafeLoadUnaligned(as: UInt64.self))
        }
        var number: UInt64 = 0
        for index in 0..<keyBytes {
            number = unsafe number << 8 | UInt64(key.unsafeLoad(fromByteOffset: index, as: UInt8.self))
        }
        return number
    }

    /// True when the value has the right length and belongs to the key of this number.
    @inline(__always)
    func isValue(_ value: RawSpan, of number: UInt64) -> Bool {
        guard value.byteCount == valueBytes else { return false }
        if valueBytes >= 8 {
            return unsafe value.unsafeLoadUnaligned(as: UInt64.self) == mixed(number)
        }
        return isShortValue(value, of: number)
    }

    private func isShortValue(_ value: RawSpan, of number: UInt64) -> Bool {
        for index in 0..<valueBytes {
            let byte = unsafe value.unsafeLoad(fromByteOffset: index, as: UInt8.self)
            if byte != UInt8(truncatingIfNeeded: mixed(number) >> UInt64(8 * index)) { return false }
        }
        return true
    }

    @inline(__always)
    func writeKey(_ number: UInt64, into bytes: UnsafeMutableRawBufferPointer) {
        if keyBytes == 16 {
            unsafe bytes.storeBytes(of: number.bigEndian, as: UInt64.self)
            unsafe bytes.storeBytes(of: mixed(number), toByteOffset: 8, as: UInt64.self)
        } else {
            unsafe writeUnusualKey(number, into: bytes)
        }
    }

    private func writeUnusualKey(_ number: UInt64, into bytes: UnsafeMutableRawBufferPointer) {
        for index in 0..<keyBytes {
            let isTail = keyBytes >= 8 && index >= 8
            let shift = isTail ? 8 * (index & 7) : 8 * (min(keyBytes, 8) - 1 - index)
            let bits = isTail ? mixed(number &+ UInt64(index >> 4)) : number
            unsafe bytes.storeBytes(
                of: UInt8(truncatingIfNeeded: bits >> UInt64(shift)), toByteOffset: index, as: UInt8.self)
        }
    }

    /// Writes the number's stamp and, where there is room, the count of writes so that an overwrite changes something.
    @inline(__always)
    func stampValue(_ number: UInt64, version: UInt64, into bytes: UnsafeMutableRawBufferPointer) {
        if valueBytes >= 16 {
            unsafe bytes.storeBytes(of: mixed(number), as: UInt64.self)
            unsafe bytes.storeBytes(of: version, toByteOffset: 8, as: UInt64.self)
        } else {
            for index in 0..<min(valueBytes, 8) {
                unsafe bytes.storeBytes(
                    of: UInt8(truncatingIfNeeded: mixed(number) >> UInt64(8 * index)), toByteOffset: index,
                    as: UInt8.self)
            }
        }
    }
}
