import CPmem
import Foundation

/// A file of its own that is mapped by libpmem, and gone when it is closed.
@safe final class MappedFile: @unchecked Sendable {
    /// The first line of the mapping.
    let base: UnsafeMutableRawPointer
    let byteCount: Int
    let isPersistentMemory: Bool
    private let mapped: UnsafeMutableRawPointer
    private let mappedBytes: Int
    private let path: String

    /// `alignment` is that of the first byte; the file has at least so many bytes behind it.
    init(creating path: String, byteCount: Int, mode: Int, alignment: Int = 64) throws {
        var (length, isPersistent) = (0, Int32(0))
        let flags = PMEM_FILE_CREATE | PMEM_FILE_EXCL
        let size = byteCount + alignment
        guard let mapped = unsafe pmem_map_file(path, size, flags, mode_t(mode), &length, &isPersistent)
        else {
            let reason = unsafe String(cString: pmem_errormsg())
            throw BenchmarkFailure(
                .failure, "cannot map a new file \(path): \(reason); choose another --file")
        }
        unsafe self.mapped = mapped
        unsafe base =
            UnsafeMutableRawPointer(
                bitPattern: (UInt(bitPattern: mapped) + UInt(alignment) - 1) & ~(UInt(alignment) - 1))
            ?? mapped
        mappedBytes = length
        isPersistentMemory = isPersistent != 0
        self.byteCount = byteCount
        self.path = path
    }

    func close() {
        unsafe pmem_unmap(mapped, mappedBytes)
        unsafe _ = unlink(path)
    }

    /// Every page written once, so that the first faults are not measured.
    func warmUp() {
        for offset in stride(from: 0, to: byteCount, by: 4096) {
            unsafe base.storeBytes(of: 0, toByteOffset: offset, as: UInt8.self)
        }
    }

    /// Never a word that says durable on a medium that forgets.
    func domain(isVolatile: Bool) -> String {
        if isVolatile { return "volatile" }
        if !isPersistentMemory { return "page" }
        return pmem_has_auto_flush() == 1 ? "extendedCache" : "cacheLine"
    }
}
