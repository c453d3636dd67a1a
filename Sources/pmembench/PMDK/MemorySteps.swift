import CPmem
import Foundation

/// Does nothing: what remains is the cost of measuring.
struct EmptyStep: WorkStep {
    let kind = OperationKind.update

    @inline(never)
    mutating func perform() {}
}

/// How `pmem_flush` brings a word to the medium.
enum FlushOperation: String, CaseIterable, Sendable {
    case noop
    case persist
    case persist4K = "persist_4K"
    case persist2M = "persist_2M"
    case msync
    case msync0 = "msync_0"
    case msyncErr = "msync_err"
    case persist4KMsync0 = "persist_4K_msync_0"
    case persist2MMsync0 = "persist_2M_msync_0"
    case msyncAsync = "msync_async"
    case msyncNodirty = "msync_nodirty"
    case msyncInvalid = "msync_invalid"
}

/// Stores a word and flushes the chunk.
@safe struct FlushStep: WorkStep, @unchecked Sendable {
    private static let page = 1 << 12
    private static let hugePage = 1 << 21

    let kind = OperationKind.update
    private let operation: FlushOperation
    private let file: MappedFile
    private let clean: AnonymousPages
    private let bytes: Int
    private let mode: ChunkMode
    private let range: Range<Int>
    private var generator: SeededGenerator
    private var index = 0
    /// Words that were stored.
    private(set) var stored = 0

    /// `range` are the chunks of the thread.
    init(
        _ operation: FlushOperation, file: MappedFile, clean: AnonymousPages, bytes: Int, mode: ChunkMode,
        range: Range<Int>, seed: UInt64
    ) {
        self.operation = operation
        self.file = file
        self.clean = clean
        self.bytes = bytes
        self.mode = mode
        self.range = range
        generator = SeededGenerator(seed: seed)
    }

    @inline(__always)
    mutating func perform() {
        let chunk = range.lowerBound + mode.chunk(index, of: range.count, &generator)
        index += 1
        let offset = (mode == .stat ? 0 : chunk * bytes) & ~7
        let address = unsafe file.base + offset
        unsafe address.storeBytes(of: address.load(as: Int.self) &+ 1, as: Int.self)
        stored += 1
        unsafe flush(address, offset)
    }

    private func flush(_ address: UnsafeMutableRawPointer, _ offset: Int) {
        let page = unsafe file.base + (offset & ~(Self.page - 1))
        let lead = offset & (Self.page - 1)
        switch operation {
        case .noop: break
        case .persist: unsafe pmem_persist(address, bytes)
        case .persist4K: persistPages(offset, Self.page)
        case .persist2M: persistPages(offset, Self.hugePage)
        case .msync: unsafe _ = pmem_msync(address, bytes)
        case .msync0: unsafe _ = Glibc.msync(page, 0, MS_SYNC)
        // Refused by the kernel: the cost of the call alone.
        case .msyncErr: unsafe _ = Glibc.msync(page, bytes + lead, MS_SYNC | MS_ASYNC)
        case .persist4KMsync0:
            persistPages(offset, Self.page)
            unsafe _ = Glibc.msync(page, 0, MS_SYNC)
        case .persist2MMsync0:
            persistPages(offset, Self.hugePage)
            unsafe _ = Glibc.msync(page, 0, MS_SYNC)
        case .msyncAsync: unsafe _ = Glibc.msync(page, bytes + lead, MS_ASYNC)
        case .msyncNodirty:
            unsafe _ = Glibc.msync(clean.base + (offset & ~(Self.page - 1)), bytes + lead, MS_SYNC)
        case .msyncInvalid: unsafe _ = Glibc.msync(clean.beyond, bytes + lead, MS_SYNC)
        }
    }

    /// The whole pages that the chunk touches; the file has a huge page to spare behind the last chunk.
    private func persistPages(_ offset: Int, _ page: Int) {
        let first = offset & ~(page - 1)
        let end = (offset + bytes + page - 1) & ~(page - 1)
        unsafe pmem_persist(file.base + first, end - first)
    }
}

/// Memory that no file lies under: pages that need no writing back, and an address behind them that is not mapped.
@safe final class AnonymousPages: @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    let beyond: UnsafeMutableRawPointer
    private let byteCount: Int

    init(byteCount: Int) throws {
        let rounded = (byteCount + 4095) & ~4095
        guard
            let mapped = unsafe mmap(
                nil, 2 * rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            unsafe mapped != MAP_FAILED
        else { throw BenchmarkFailure(.failure, "cannot map \(2 * rounded) bytes of memory: \(errno)") }
        unsafe munmap(mapped + rounded, rounded)
        unsafe (base, beyond) = unsafe (mapped, mapped + rounded)
        self.byteCount = rounded
    }

    func release() { unsafe munmap(base, byteCount) }
}

/// How bytes come to the medium.
enum CopyMethod: Sendable {
    case libraryPersist, libraryNodrain, libcPersist, libcFlush, libcMsync
}

/// Copies a chunk between memory and the mapping.
@safe struct CopyStep: WorkStep, @unchecked Sendable {
    let kind = OperationKind.update
    let method: CopyMethod
    let source: UnsafeMutableRawPointer
    let target: UnsafeMutableRawPointer
    let bytes: Int
    let modes: (source: ChunkMode, target: ChunkMode)
    /// The chunks of the thread.
    let range: Range<Int>
    var generator: SeededGenerator
    private var index = 0
    /// Where the latest copy came from and went to, for the check at the end.
    private(set) var latest: (source: UnsafeMutableRawPointer, target: UnsafeMutableRawPointer)?

    init(
        method: CopyMethod, source: UnsafeMutableRawPointer, target: UnsafeMutableRawPointer, bytes: Int,
        modes: (source: ChunkMode, target: ChunkMode), range: Range<Int>, seed: UInt64
    ) {
        self.method = method
        unsafe (self.source, self.target) = unsafe (source, target)
        self.bytes = bytes
        self.modes = modes
        self.range = range
        generator = SeededGenerator(seed: seed)
        unsafe latest = nil
    }

    @inline(__always)
    mutating func perform() {
        let from = unsafe source + place(modes.source) * bytes
        let to = unsafe target + place(modes.target) * bytes
        index += 1
        switch method {
        case .libraryPersist: unsafe _ = pmem_memcpy_persist(to, from, bytes)
        case .libraryNodrain: unsafe _ = pmem_memcpy_nodrain(to, from, bytes)
        case .libcPersist:
            unsafe memcpy(to, from, bytes)
            unsafe pmem_persist(to, bytes)
        case .libcFlush, .libcMsync:
            unsafe memcpy(to, from, bytes)
            unsafe pmem_flush(to, bytes)
        }
        unsafe latest = unsafe (from, to)
    }

    private mutating func place(_ mode: ChunkMode) -> Int {
        mode == .stat ? 0 : range.lowerBound + mode.chunk(index, of: range.count, &generator)
    }

    /// The latest target holds what its source holds.
    var isRight: Bool {
        guard let latest = unsafe latest else { return false }
        return unsafe memcmp(latest.target, latest.source, bytes) == 0
    }
}

/// Fills a chunk of the mapping.
@safe struct FillStep: WorkStep, @unchecked Sendable {
    private static let filling: Int32 = 0xFF

    let kind = OperationKind.update
    private let method: CopyMethod
    private let target: UnsafeMutableRawPointer
    private let bytes: Int
    private let mode: ChunkMode
    private let range: Range<Int>
    private var generator: SeededGenerator
    private var index = 0
    private var latest: UnsafeMutableRawPointer?

    init(
        method: CopyMethod, target: UnsafeMutableRawPointer, bytes: Int, mode: ChunkMode, range: Range<Int>,
        seed: UInt64
    ) {
        self.method = method
        unsafe self.target = target
        self.bytes = bytes
        self.mode = mode
        self.range = range
        generator = SeededGenerator(seed: seed)
        unsafe latest = nil
    }

    @inline(__always)
    mutating func perform() {
        let chunk = mode == .stat ? 0 : mode.chunk(index, of: range.count, &generator)
        let to = unsafe target + (range.lowerBound + chunk) * bytes
        index += 1
        switch method {
        case .libraryPersist: unsafe _ = pmem_memset_persist(to, Self.filling, bytes)
        case .libraryNodrain: unsafe _ = pmem_memset_nodrain(to, Self.filling, bytes)
        case .libcPersist:
            unsafe memset(to, Self.filling, bytes)
            unsafe pmem_persist(to, bytes)
        case .libcFlush:
            unsafe memset(to, Self.filling, bytes)
            unsafe pmem_flush(to, bytes)
        case .libcMsync:
            unsafe memset(to, Self.filling, bytes)
            unsafe _ = pmem_msync(to, bytes)
        }
        unsafe latest = to
    }

    var isRight: Bool {
        guard let latest = unsafe latest else { return false }
        return unsafe UnsafeRawBufferPointer(start: latest, count: bytes).allSatisfy { $0 == 0xFF }
    }
}
