import Synchronization

/// Handles of which one thread uses each at a time. A single thread takes its handle without an atomic operation.
final class HandlePool<Handle>: @unchecked Sendable {
    private final class Slot {
        let handle: Handle
        let isBusy = Atomic(false)

        init(_ handle: Handle) {
            self.handle = handle
        }
    }

    private let slots: [Slot]
    private let only: Handle?

    /// Makes a handle for each thread, and one to spare where there are several.
    init(threads: Int, make: () throws -> Handle) rethrows {
        slots = try (0..<(threads > 1 ? threads + 1 : 1)).map { _ in Slot(try make()) }
        only = threads > 1 ? nil : slots[0].handle
    }

    var all: [Handle] { slots.map(\.handle) }

    @inline(__always)
    func with<R>(_ body: (Handle) throws -> R) rethrows -> R {
        if let only { return try body(only) }
        let slot = take()
        defer { slot.isBusy.store(false, ordering: .releasing) }
        return try body(slot.handle)
    }

    private func take() -> Slot {
        while true {
            for slot in slots where !slot.isBusy.exchange(true, ordering: .acquiring) { return slot }
        }
    }
}
