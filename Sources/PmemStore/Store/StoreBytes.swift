/// A type whose values serve as keys or values: it has a byte form, and for keys that form orders like the value.
///
/// Integers are stored big-endian (signed ones with the sign bit flipped), so that bytes order like numbers. That holds
/// for integers of one type: those of different widths, or signed and unsigned ones, do not order together.
public protocol StoreBytes {
    /// Calls `body` with the byte form.
    func withStoreBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R
}

extension Array: StoreBytes where Element == UInt8 {
    /// The bytes themselves.
    @inlinable
    public func withStoreBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try unsafe withUnsafeBufferPointer { (buffer: UnsafeBufferPointer<UInt8>) throws(E) in
            try unsafe body(UnsafeRawBufferPointer(buffer))
        }
    }
}

extension String: StoreBytes {
    /// The string in UTF-8.
    @inlinable
    public func withStoreBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try unsafe Array(utf8).withStoreBytes(body)
    }
}

extension UnsafeRawBufferPointer: StoreBytes {
    /// The bytes themselves.
    @inlinable
    public func withStoreBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try unsafe body(self)
    }
}

extension StoreBytes where Self: FixedWidthInteger & UnsignedInteger {
    /// Big-endian bytes.
    @inlinable
    public func withStoreBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try unsafe Swift.withUnsafeBytes(of: bigEndian) { (bytes: UnsafeRawBufferPointer) throws(E) in
            try unsafe body(bytes)
        }
    }
}

extension StoreBytes where Self: FixedWidthInteger & SignedInteger, Magnitude: StoreBytes {
    /// Big-endian bytes with the sign bit flipped.
    @inlinable
    public func withStoreBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        let flipped = Magnitude(truncatingIfNeeded: self) ^ (1 << (Self.bitWidth - 1))
        return try unsafe flipped.withStoreBytes(body)
    }
}

extension UInt8: StoreBytes {}
extension UInt16: StoreBytes {}
extension UInt32: StoreBytes {}
extension UInt64: StoreBytes {}
extension UInt: StoreBytes {}
extension Int8: StoreBytes {}
extension Int16: StoreBytes {}
extension Int32: StoreBytes {}
extension Int64: StoreBytes {}
extension Int: StoreBytes {}
