/// Stands in for the system where threads wait for one another, so that a test can let one run at a time, in an order
/// of its own.
package protocol TurnTaking: Sendable {
    /// Lets others run until `isReady`, which has no effects. False, at once, on a thread that is none of the test's.
    func wait(until isReady: () -> Bool) -> Bool
}

/// Where the engine asks, on its way to sleep and nowhere else.
package enum ThreadTurns {
    /// Set by tests, before their threads begin.
    package nonisolated(unsafe) static var taker: (any TurnTaking)?
}
