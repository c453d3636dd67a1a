internal import CPmem

@testable internal import PmemStore

/// The door to a ``SimulatedMemory``.
struct SimulatedMedium: Medium {
    let memory: SimulatedMemory
    let role: SimulatedEvent.Role

    var base: UnsafeMutableRawPointer { unsafe memory.base }

    func load8(_ offset: UInt64) -> UInt64 { memory.word(Int(offset)) }

    func read(_ offset: UInt64, _ byteCount: Int) -> UnsafeRawPointer {
        precondition(
            byteCount >= 0 && Int(offset) + byteCount <= memory.byteCount, "a read beyond the medium")
        return unsafe UnsafeRawPointer(memory.base + Int(offset))
    }

    func store8(_ offset: UInt64, _ value: UInt64, site: UInt32) {
        memory.store8(offset, value, role: role, site: site)
    }

    func copyIn(_ offset: UInt64, _ source: UnsafeRawPointer, _ byteCount: Int, site: UInt32) {
        unsafe memory.copyIn(offset, source, byteCount, role: role, site: site)
    }

    func construct<R>(
        _ offset: UInt64, _ byteCount: Int, site: UInt32,
        _ body: (UnsafeMutableRawBufferPointer) throws -> R
    ) rethrows -> R {
        try unsafe memory.construct(offset, byteCount, role: role, site: site, body)
    }

    func flush(_ offset: UInt64, _ byteCount: Int, site: UInt32) {
        memory.flush(offset, byteCount, role: role, site: site)
    }

    func drain(site: UInt32) throws(StoreError) { memory.drain(role: role, site: site) }

    func note(_ event: MediumEvent) { memory.note(event) }
}
