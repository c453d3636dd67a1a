internal import Glibc
internal import PmemStore

/// A store's address range in ordinary memory, which knows what was written to it and can take that back.
///
/// Behind its end are readable zeros, as behind a mapped store, and then nothing: what strays further dies.
@safe final class FuzzMemory: @unchecked Sendable {
    static let marginBytes = 2 << 20

    let base: UnsafeMutableRawPointer
    let byteCount: Int
    private var isWritten: [Bool]
    private var written: [Int] = []

    init(byteCount: Int) {
        self.byteCount = byteCount
        isWritten = [Bool](repeating: false, count: byteCount / 64)
        let whole = byteCount + 2 * Self.marginBytes
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let start = unsafe mmap(nil, whole, PROT_READ | PROT_WRITE, flags, -1, 0),
            unsafe start != MAP_FAILED
        else { preconditionFailure("no memory to fuzz in") }
        unsafe base = unsafe start
        unsafe mprotect(start + byteCount, Self.marginBytes, PROT_READ)
        unsafe mprotect(start + byteCount + Self.marginBytes, Self.marginBytes, PROT_NONE)
    }

    deinit { unsafe munmap(base, byteCount + 2 * Self.marginBytes) }

    /// Notes a write, which must lie within the store.
    func willWrite(_ offset: UInt64, _ count: Int) {
        precondition(
            count >= 0 && offset <= UInt64(byteCount) && UInt64(count) <= UInt64(byteCount) - offset,
            "a write of \(count) bytes at \(offset) leaves the store")
        guard count > 0 else { return }
        for line in (Int(offset) / 64)...((Int(offset) + count - 1) / 64) where !isWritten[line] {
            isWritten[line] = true
            written.append(line)
        }
    }

    func write(_ word: UInt64, at offset: Int, byteCount count: Int) {
        guard offset >= 0, offset + count <= byteCount else { return }
        willWrite(UInt64(offset), count)
        for index in 0..<count {
            unsafe base.storeBytes(
                of: UInt8(truncatingIfNeeded: word >> UInt64(8 * index)), toByteOffset: offset + index,
                as: UInt8.self)
        }
    }

    func load<T: BitwiseCopyable>(_ offset: Int, as type: T.Type) -> T {
        precondition(offset >= 0 && offset + MemoryLayout<T>.size <= byteCount, "a load leaves the store")
        return unsafe base.loadUnaligned(fromByteOffset: offset, as: type)
    }

    /// Forgets which lines were written: they are the state to come back to.
    func settle() {
        for line in written { isWritten[line] = false }
        written.removeAll()
    }

    /// Makes this memory what `other` is, when both were the same at the last ``settle()``.
    func restore(from other: FuzzMemory) {
        for line in written {
            unsafe (base + line * 64).copyMemory(from: other.base + line * 64, byteCount: 64)
        }
        settle()
    }
}

/// The door to a ``FuzzMemory``. Nothing is ever lost.
@safe struct FuzzMedium: Medium, @unchecked Sendable {
    let memory: FuzzMemory
    let base: UnsafeMutableRawPointer

    /// What replay looks at ahead of itself may be anything, too.
    static var fetchesAhead: Bool { true }

    init(_ memory: FuzzMemory) {
        self.memory = memory
        unsafe base = unsafe memory.base
    }

    func load8(_ offset: UInt64) -> UInt64 { memory.load(Int(offset), as: UInt64.self) }

    func read(_ offset: UInt64, _ byteCount: Int) -> UnsafeRawPointer {
        let end = UInt64(memory.byteCount + FuzzMemory.marginBytes)
        precondition(
            byteCount >= 0 && offset <= UInt64(memory.byteCount) && UInt64(byteCount) <= end - offset,
            "a read of \(byteCount) bytes at \(offset) leaves the store")
        return unsafe UnsafeRawPointer(base + Int(offset))
    }

    func store8(_ offset: UInt64, _ value: UInt64, site: CallSite) {
        memory.write(value, at: Int(offset), byteCount: 8)
    }

    func copyIn(_ offset: UInt64, _ source: UnsafeRawPointer, _ byteCount: Int, site: CallSite) {
        memory.willWrite(offset, byteCount)
        unsafe (base + Int(offset)).copyMemory(from: source, byteCount: byteCount)
    }

    func construct<R>(
        _ offset: UInt64, _ byteCount: Int, site: CallSite,
        _ body: (UnsafeMutableRawBufferPointer) throws -> R
    ) rethrows -> R {
        memory.willWrite(offset, byteCount)
        return try unsafe body(UnsafeMutableRawBufferPointer(start: base + Int(offset), count: byteCount))
    }

    func flush(_ offset: UInt64, _ byteCount: Int, site: CallSite) {
        _ = unsafe read(offset, byteCount)
    }

    func drain(site: CallSite) throws(StoreError) {}
    func requireWhole() throws(StoreError) {}
    func note(_ event: MediumEvent) {}
}
