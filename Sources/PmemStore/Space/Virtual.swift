internal import Glibc

/// Zero-filled arrays of address space, backed by memory only where they are touched.
package enum Virtual {
    /// Keeps ranges that are given back for later requests. Nil but in processes that open stores by the million, in
    /// one thread.
    package nonisolated(unsafe) static var reuse: (any RangeKeeping)?

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
        if let reuse = unsafe reuse, unsafe reuse.give(start, bytes) { return }
        unsafe munmap(start, bytes)
    }
}

/// Ranges of address space that were given back.
package protocol RangeKeeping: AnyObject {
    /// A range as it was left, or none.
    func take(_ byteCount: Int) -> UnsafeMutableRawPointer?

    /// False: the range is not wanted.
    func give(_ start: UnsafeMutableRawPointer, _ byteCount: Int) -> Bool
}
