internal import Glibc

/// Ranges of address space that were given back, by size. For a process that opens stores by the million.
@safe package final class RangeReuse: RangeKeeping {
    private var ranges: [Int: [UnsafeMutableRawPointer]] = unsafe [:]
    /// Longer ranges go back to the kernel, which knows better what of them was touched.
    private static let byteLimit = 4 << 20

    package init() {}

    package func take(_ byteCount: Int) -> UnsafeMutableRawPointer? { unsafe ranges[byteCount]?.popLast() }

    package func give(_ start: UnsafeMutableRawPointer, _ byteCount: Int) -> Bool {
        if byteCount > Self.byteLimit { return false }
        unsafe ranges[byteCount, default: []].append(start)
        return true
    }
}

extension Virtual {
    /// As ``claim(_:count:)``, where there is nobody to tell that there is none.
    package static func allocate<T: BitwiseCopyable>(_ type: T.Type, count: Int) -> UnsafeMutablePointer<T> {
        do {
            return try unsafe claim(type, count: count)
        } catch {
            fatalError("no address space for \(count) items: error \(error.code)")
        }
    }
}

extension ReaderTable {
    /// As ``claim()``.
    package init() { unsafe self.init(slots: Virtual.allocate(UInt64.self, count: Self.slotWords)) }
}

extension VerifiedNodes {
    /// As ``claim(addressBytes:storeBytes:)``.
    package init(addressBytes: UInt64, storeBytes: UInt64) {
        let limit = Self.chunkLimit(addressBytes)
        unsafe self.init(Virtual.allocate(UInt.self, count: limit), limit, storeBytes)
    }
}
