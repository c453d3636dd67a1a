import CPmem
import Foundation

/// Free memory of the system, made present before a store is loaded or written on a file system that is memory.
///
/// A virtual machine whose balloon reports free pages gives them back to its host after some seconds, and gets them
/// again at the first touch, ten to twenty times as slowly as memory that it has (8 MiB: 18 ms against 0.7 ms). Whoever
/// comes first after a pause would pay for that, and no engine can help it. So whatever takes memory begins with as
/// much at hand as it can take, whichever engine it is: a load and a fill with memory for the whole store, a round of
/// writes for what it writes. A round that reads takes none, and does not wait for any.
enum MemoryAtHand {
    private static let pageBytes = 4096
    private static let mostPasses = 6

    /// Touches that many bytes and frees them, at most half of what is available. What was freed is not quite what is
    /// given out next, so again, until that gets no faster. Does nothing where there is no address space for it.
    static func fetch(_ byteCount: Int) {
        let limit = RunNeeds.availableMemory.map { $0 / 2 } ?? 0
        let byteCount = min(byteCount, limit) & ~(pageBytes - 1)
        guard byteCount > 0 else { return }
        var before = UInt64.max
        for _ in 0..<mostPasses {
            let begun = DispatchTime.now().uptimeNanoseconds
            guard touch(byteCount) else { return }
            let duration = DispatchTime.now().uptimeNanoseconds - begun
            if duration > before / 4 * 3 { return }
            before = duration
        }
    }

    private static func touch(_ byteCount: Int) -> Bool {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let start = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, flags, -1, 0),
            unsafe start != MAP_FAILED
        else { return false }
        // Large pages are those that are reported to the host, and those that stores on tmpfs get.
        unsafe _ = madvise(start, byteCount, MADV_HUGEPAGE)
        for offset in stride(from: 0, to: byteCount, by: pageBytes) {
            unsafe start.storeBytes(of: 1, toByteOffset: offset, as: UInt8.self)
        }
        unsafe munmap(start, byteCount)
        return true
    }
}
