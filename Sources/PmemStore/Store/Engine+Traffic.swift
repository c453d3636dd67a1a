/// What the keeper of the leases may do to the engine.
extension Engine: StoreTraffic {
    package func stop() { gate.stopStores() }

    package func go() { gate.goOn() }

    package func isWanted(within nanoseconds: Int64) -> Bool { gate.isWanted(within: nanoseconds) }

    package func fail(_ reason: String) { writer.poisonReason = writer.poisonReason ?? reason }
}
