internal import Glibc

/// Zero-filled arrays of address space, backed by memory only where they are touched.
package enum Virtual {
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
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let start = unsafe mmap(nil, bytes, PROT_READ | PROT_WRITE, flags, -1, 0),
            unsafe start != MAP_FAILED
        else { throw SystemFailure("mmap") }
        return unsafe start.bindMemory(to: T.self, capacity: count)
    }

    package static func deallocate<T: BitwiseCopyable>(_ start: UnsafeMutablePointer<T>, count: Int) {
        unsafe munmap(start, max(count, 1) * MemoryLayout<T>.stride)
    }
}
