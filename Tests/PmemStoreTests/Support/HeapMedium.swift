@testable internal import PmemStore

/// A medium of ordinary memory, all of it zero at first, for tests of the rooms above it. Nothing is ever lost.
@safe struct HeapMedium: Medium {
    private let memory: Memory
    var base: UnsafeMutableRawPointer { unsafe memory.base }

    init(byteCount: Int) { memory = Memory(byteCount) }

    func load8(_ offset: UInt64) -> UInt64 { unsafe (base + Int(offset)).load(as: UInt64.self) }

    func read(_ offset: UInt64, _ byteCount: Int) -> UnsafeRawPointer {
        unsafe UnsafeRawPointer(base + Int(offset))
    }

    func store8(_ offset: UInt64, _ value: UInt64, site: CallSite) {
        unsafe (base + Int(offset)).storeBytes(of: value, as: UInt64.self)
    }

    func copyIn(_ offset: UInt64, _ source: UnsafeRawPointer, _ byteCount: Int, site: CallSite) {
        unsafe (base + Int(offset)).copyMemory(from: source, byteCount: byteCount)
    }

    func construct<R>(
        _ offset: UInt64, _ byteCount: Int, site: CallSite,
        _ body: (UnsafeMutableRawBufferPointer) throws -> R
    ) rethrows -> R {
        try unsafe body(UnsafeMutableRawBufferPointer(start: base + Int(offset), count: byteCount))
    }

    func flush(_ offset: UInt64, _ byteCount: Int, site: CallSite) {}
    func drain(site: CallSite) throws(StoreError) {}
    func note(_ event: MediumEvent) {}

    /// Address space that is backed by memory where it is touched.
    @safe private final class Memory: @unchecked Sendable {
        let base: UnsafeMutableRawPointer
        private let byteCount: Int

        init(_ byteCount: Int) {
            self.byteCount = byteCount
            unsafe base = UnsafeMutableRawPointer(Virtual.allocate(UInt8.self, count: byteCount))
        }

        deinit {
            unsafe Virtual.deallocate(base.assumingMemoryBound(to: UInt8.self), count: byteCount)
        }
    }
}
