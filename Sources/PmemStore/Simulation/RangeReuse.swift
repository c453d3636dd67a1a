/// Ranges of address space that were given back, by size. For a process that opens stores by the million.
@safe package final class RangeReuse: RangeKeeping {
    /// Of each size the range that was given back last; its first word leads to the one before. There are few sizes.
    private let free: UnsafeMutablePointer<Free>
    private static let sizes = 32
    /// Longer ranges go back to the kernel, which knows better what of them was touched.
    private static let byteLimit = 4 << 20

    @safe private struct Free {
        var byteCount = 0
        var newest: UnsafeMutableRawPointer?
    }

    package init() {
        unsafe free = .allocate(capacity: Self.sizes)
        unsafe free.initialize(repeating: Free(), count: Self.sizes)
    }

    deinit { unsafe free.deallocate() }

    /// The place of a size, or the first empty one.
    private func place(_ byteCount: Int) -> UnsafeMutablePointer<Free>? {
        for index in 0..<Self.sizes {
            let place = unsafe free + index
            if unsafe place.pointee.byteCount == byteCount || place.pointee.byteCount == 0 {
                return unsafe place
            }
        }
        return nil
    }

    package func take(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        guard let place = unsafe place(byteCount), let range = unsafe place.pointee.newest else { return nil }
        unsafe place.pointee.newest = range.load(as: UnsafeMutableRawPointer?.self)
        return unsafe range
    }

    package func give(_ start: UnsafeMutableRawPointer, _ byteCount: Int) -> Bool {
        if byteCount > Self.byteLimit { return false }
        guard let place = unsafe place(byteCount) else { return false }
        unsafe start.storeBytes(of: place.pointee.newest, as: UnsafeMutableRawPointer?.self)
        unsafe place.pointee.byteCount = byteCount
        unsafe place.pointee.newest = unsafe start
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
