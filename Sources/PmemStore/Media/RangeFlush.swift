internal import CPmem
internal import Glibc

/// Writes whole ranges of a file on a DAX file system back from the caches, whoever has stored to them.
enum RangeFlush {
    /// One step: what is mapped at a time.
    private static let step: UInt64 = 64 << 20

    /// Flushes every line of a range, then fences. The range begins on a page boundary.
    static func flush(descriptor: Int32, offset: UInt64, byteCount: UInt64) throws(SystemFailure) {
        var position = offset
        let end = offset + byteCount
        while position < end {
            let length = Int(min(step, end - position))
            let place = unsafe mmap(nil, length, PROT_READ, MAP_SHARED, descriptor, off_t(position))
            guard let place = unsafe place, unsafe place != MAP_FAILED else { throw SystemFailure("mmap") }
            unsafe pmem_flush(place, length)
            unsafe munmap(place, length)
            position += UInt64(length)
        }
        pmem_drain()
    }
}
