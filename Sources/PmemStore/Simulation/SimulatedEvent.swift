/// A call through the door to the medium, as the simulator sees it.
package struct SimulatedEvent: Sendable, CustomStringConvertible {
    package enum Kind: UInt8, Sendable, CaseIterable { case store8, copyIn, construct, flush, drain }

    /// Whose medium it came through: a thread of its own as far as fences go. Growth makes a file and its name durable,
    /// each by its own sync.
    package enum Role: UInt8, Sendable, CaseIterable { case writer, checkpointer, file, directory }

    package let number: Int
    package let kind: Kind
    package let role: Role
    package let offset: Int
    package let byteCount: Int
    package let site: SourceSite

    package var description: String {
        "event \(number) (\(role) \(kind) \(offset)+\(byteCount), line \(site.line))"
    }

    package init(number: Int, kind: Kind, role: Role, offset: Int, byteCount: Int, site: SourceSite) {
        self.number = number
        self.kind = kind
        self.role = role
        self.offset = offset
        self.byteCount = byteCount
        self.site = site
    }
}

extension SimulatedMemory {
    /// Calls and lines by kind.
    package struct EventCounts: Sendable, Equatable {
        package var stores = 0
        package var storedLines = 0
        package var flushes = 0
        package var flushedLines = 0
        package var drains = 0

        package init() {}
    }
}

extension SimulatedEvent.Role {
    /// The role's bit in ``PendingUnit/startedBy``.
    var bit: UInt8 { 1 << rawValue }
}

/// What a power cut can do to stores that are not durable.
package enum MediumModel: String, Sendable, CaseIterable {
    /// Cache lines: plain stores to one line arrive as a prefix; non-temporal units each on their own.
    case lines
    /// As `lines`, without the prefix: any subset of the units.
    case paranoid
    /// Caches are in the domain: plain stores are durable at once, non-temporal units with the fence.
    case extendedCache
    /// Page cache: sectors of 512 bytes, each as it was after some store to it.
    case pages
}

/// An aligned word of 8 bytes that was stored and is not known to be durable.
package struct PendingUnit: Sendable {
    package let offset: Int
    package let value: UInt64
    /// The roles whose next drain makes it durable.
    package var startedBy: UInt8
}

extension [PendingUnit] {
    /// The next drain of these roles makes what lies in a range durable.
    mutating func start(in range: Range<Int>, by roles: UInt8) {
        for index in indices where range.contains(self[index].offset) { self[index].startedBy |= roles }
    }
}

/// The pending units of one call, or of one call in one sector.
package struct PendingGroup: Sendable {
    package var first: Int
    package var end: Int
    package let event: Int
    package let site: SourceSite
    package let role: SimulatedEvent.Role
    /// The line or sector whose stores arrive in order; -1 where the units are free of each other.
    package let cell: Int
    /// Bytes from the lowest unit to behind the highest.
    package let low: Int
    package let high: Int

    package var count: Int { end - first }
}
