/// An aligned word of 8 bytes that was stored and is not known to be durable.
struct PendingUnit {
    let offset: Int
    let value: UInt64
    /// Number of the event that stored it: the words of one copy belong together.
    let event: Int
    /// The next drain makes it durable: a non-temporal unit, or one that was flushed.
    var isStarted: Bool
}

/// A call through the door to the medium, as the simulator sees it.
struct SimulatedEvent: CustomStringConvertible {
    enum Kind: String, Sendable { case store8, copyIn, construct, flush, drain, note }

    /// Whose medium it came through.
    enum Role: String, Sendable { case writer, checkpointer }

    let number: Int
    let kind: Kind
    let role: Role
    let offset: Int
    let byteCount: Int
    let site: UInt32

    var description: String { "event \(number) (\(role) \(kind) \(offset)+\(byteCount), line \(site))" }
}
