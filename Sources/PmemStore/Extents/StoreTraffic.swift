/// The stores to a mapping, as far as somebody can hold them up. The engine's side of ``LeaseKeeper``.
protocol StoreTraffic: Sendable {
    /// Returns when no store is under way; none begins before ``go()``. Waits for the transaction at work.
    func stop()

    /// Stores go on. Behind ``stop()``, by the same thread.
    func go()

    /// While stopped: waits until somebody wants to store, that long at most. False: nobody does.
    func isWanted(within nanoseconds: Int64) -> Bool

    /// While stopped: nothing is acknowledged any more, and everybody who wants to store is told why.
    func fail(_ reason: String)
}

extension StoreTraffic {
    /// While stopped: lets those pass who want to, and stops again at once.
    func letPass() {
        go()
        stop()
    }
}
