internal import PmemStoreTesting
import Testing

@testable internal import PmemStore

/// What puts leave to deletes and checkpoints is theirs: nothing that is given up keeps a part of it.
@Suite("Space: the reserve of a full store")
struct ReserveTests {
    private let store: SimulatedStore
    /// Keys of the full store: 0 up to, not including, this one.
    private let count: Int

    init() throws {
        let layout = try #require(SimulatedLayout(storeBytes: 48 << 20, logBytes: 256 << 10))
        let memory = SimulatedMemory(byteCount: layout.byteCount, isTracking: false)
        layout.format(memory)
        store = try SimulatedStore(memory, layout: layout)
        count = try Self.fill(store)
    }

    private static func key(_ number: Int) -> [UInt8] {
        unsafe withUnsafeBytes(of: UInt32(number).bigEndian) { unsafe [UInt8]($0) }
    }

    /// Ascending keys leave few free slots of nodes.
    private static func fill(_ store: SimulatedStore) throws -> Int {
        for first in stride(from: 0, to: .max, by: 1000) {
            do {
                _ = try store.transact {
                    for number in first..<(first + 1000) { try store.put([1], key: key(number), table: 1) }
                    return try store.commitTransaction()
                }
            } catch StoreError.commit(.full) {
                try store.checkpoint()
                return first
            }
        }
        return 0
    }

    private func delete(_ numbers: some Sequence<Int>) throws {
        _ = try store.transact {
            for number in numbers { try store.delete(Self.key(number), table: 1) }
            return try store.commitTransaction()
        }
    }

    /// Dirty nodes, and the slots that there are for them.
    private var heap: (dirty: Int, room: Int) {
        let writer = store.engine.writerPlace
        let dirty = writer.pointee.heap.nodeRoom.dirty
        return (dirty, dirty - writer.pointee.heap.missingNodeSlots(0))
    }

    @Test("A refused transaction leaves the room that it had taken for its list of operations")
    func refusedList() throws {
        // More than is left when one chunk, of some 2000 slots, is gone.
        var first = 0
        while heap.dirty <= heap.room - 1000 {
            let last = first + 500 * NodeLayout.leafCapacity
            try #require(last < count)
            try delete(stride(from: first, to: last, by: NodeLayout.leafCapacity))
            first = last
        }
        let before = heap
        // Leaves of which nothing is deleted yet, and more operations than an entry has room for.
        #expect(throws: StoreError.self) { try delete((count - 3000)..<count) }
        #expect(heap.dirty <= before.dirty)
        try store.checkpoint()
        #expect(heap.dirty == 0)
        for first in stride(from: count - 3000, to: count, by: 1000) { try delete(first..<(first + 1000)) }
        try store.checkpoint()
        #expect(store.structuralFailure() == nil)
    }
}
