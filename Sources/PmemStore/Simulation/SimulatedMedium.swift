/// The door to a ``SimulatedMemory``.
@safe package struct SimulatedMedium: Medium {
    package let memory: SimulatedMemory
    package let role: SimulatedEvent.Role

    package init(memory: SimulatedMemory, role: SimulatedEvent.Role) {
        self.memory = memory
        self.role = role
    }

    @inline(__always)
    package var base: UnsafeMutableRawPointer { unsafe memory.base }

    @inline(__always)
    package func load8(_ offset: UInt64) -> UInt64 {
        memory.willRead(Int(offset), 8)
        return memory.word(Int(offset))
    }

    @inline(__always)
    package func read(_ offset: UInt64, _ byteCount: Int) -> UnsafeRawPointer {
        memory.willRead(Int(offset), byteCount)
        return unsafe UnsafeRawPointer(memory.base + Int(offset))
    }

    @inline(__always)
    package func readChecked(_ offset: UInt64, _ byteCount: Int) -> UnsafeRawPointer {
        memory.willRead(Int(offset), byteCount, isChecked: true)
        return unsafe UnsafeRawPointer(memory.base + Int(offset))
    }

    package func store8(_ offset: UInt64, _ value: UInt64, site: CallSite) {
        memory.store8(offset, value, role: role, site: SourceSite(site))
    }

    package func copyIn(_ offset: UInt64, _ source: UnsafeRawPointer, _ byteCount: Int, site: CallSite) {
        unsafe memory.copyIn(offset, source, byteCount, role: role, site: SourceSite(site))
    }

    package func construct<R>(
        _ offset: UInt64, _ byteCount: Int, site: CallSite,
        _ body: (UnsafeMutableRawBufferPointer) throws -> R
    ) rethrows -> R {
        try unsafe memory.construct(offset, byteCount, role: role, site: SourceSite(site), body)
    }

    package func flush(_ offset: UInt64, _ byteCount: Int, site: CallSite) {
        memory.flush(offset, byteCount, role: role, site: SourceSite(site))
    }

    package func drain(site: CallSite) throws(StoreError) {
        memory.drain(role: role, site: SourceSite(site))
        try requireWhole()
    }

    package func requireWhole() throws(StoreError) {
        if memory.isBroken { throw .commit(.poisoned(reason: "page \(memory.poisoned.lowerBound) is gone")) }
    }

    package func note(_ event: MediumEvent) { memory.note(event) }
}
