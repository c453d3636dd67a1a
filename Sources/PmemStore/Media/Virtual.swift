internal import Glibc

/// Zero-filled arrays of address space, backed by memory only where they are touched.
package enum Virtual {
    package static func allocate<T: BitwiseCopyable>(_ type: T.Type, count: Int) -> UnsafeMutablePointer<T> {
        let bytes = max(count, 1) * MemoryLayout<T>.stride
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let start = unsafe mmap(nil, bytes, PROT_READ | PROT_WRITE, flags, -1, 0),
            unsafe start != MAP_FAILED
        else { fatalError("no address space for an index of \(bytes) bytes") }
        return unsafe start.bindMemory(to: T.self, capacity: count)
    }

    package static func deallocate<T: BitwiseCopyable>(_ start: UnsafeMutablePointer<T>, count: Int) {
        unsafe munmap(start, max(count, 1) * MemoryLayout<T>.stride)
    }
}
