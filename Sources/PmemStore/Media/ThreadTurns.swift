internal import Synchronization

/// Stands in for the system where threads wait for one another, so that a test can let one run at a time, in an order
/// of its own.
package protocol TurnTaking: Sendable {
    /// Lets others run until `isReady`, which has no effects. False, at once, on a thread that is none of the test's.
    func wait(until isReady: () -> Bool) -> Bool
}

/// Where the engine asks, on its way to sleep and nowhere else.
package enum ThreadTurns {
    private nonisolated(unsafe) static var installed: (any TurnTaking)?
    private static let isInstalled = Atomic<Bool>(false)

    package static var taker: (any TurnTaking)? {
        isInstalled.load(ordering: .acquiring) ? unsafe installed : nil
    }

    /// For tests, before their threads begin and once: other threads of the process may be at work already.
    package static func install(_ taker: any TurnTaking) {
        unsafe installed = taker
        isInstalled.store(true, ordering: .releasing)
    }
}
