internal import Glibc

/// Zero-filled arrays of address space, backed by memory only where they are touched.
package enum Virtual {
    /// Keeps ranges that are given back for later requests. Nil but in processes that open stores by the million, in
    /// one thread.
    package nonisolated(unsafe) static var reuse: RangeReuse?

    /// As ``claim(_:count:)``, where there is nobody to tell that there is none.
    package static func allocate<T: BitwiseCopyable>(_ type: T.Type, count: Int) -> UnsafeMutablePointer<T> {
        do {
            return try unsafe claim(type, count: count)
        } catch {
            fatalError("no address space for \(count) items: error \(error.code)")
        }
    }

    package static func claim<T: BitwiseCopyable>(
        _ type: T.Type, count: Int
    ) throws(SystemFailure) -> UnsafeMutablePointer<T> {
        let bytes = max(count, 1) * MemoryLayout<T>.stride
        if let range = unsafe reuse?.take(bytes) {
            unsafe memset(range, 0, bytes)
            return unsafe range.bindMemory(to: T.self, capacity: count)
        }
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let start = unsafe mmap(nil, bytes, PROT_READ | PROT_WRITE, flags, -1, 0),
            unsafe start != MAP_FAILED
        else { throw SystemFailure("mmap") }
        return unsafe start.bindMemory(to: T.self, capacity: count)
    }

    package static func deallocate<T: BitwiseCopyable>(_ start: UnsafeMutablePointer<T>, count: Int) {
        let bytes = max(count, 1) * MemoryLayout<T>.stride
        if unsafe reuse?.give(start, bytes) ?? false { return }
        unsafe munmap(start, bytes)
    }
}

/// Ranges of address space that were given back, by size.
@safe package final class RangeReuse {
    private var ranges: [Int: [UnsafeMutableRawPointer]] = unsafe [:]
    /// Longer ranges go back to the kernel, which knows better what of them was touched.
    private static let byteLimit = 4 << 20

    package init() {}

    /// A range as it was left, or none.
    package func take(_ byteCount: Int) -> UnsafeMutableRawPointer? { unsafe ranges[byteCount]?.popLast() }

    /// False: the range is not wanted.
    package func give(_ start: UnsafeMutableRawPointer, _ byteCount: Int) -> Bool {
        if byteCount > Self.byteLimit { return false }
        unsafe ranges[byteCount, default: []].append(start)
        return true
    }
}
