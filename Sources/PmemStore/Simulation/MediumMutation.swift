/// Makes the calls of one site go wrong between the engine and the medium: a test of the tests.
package struct MediumMutation: Sendable, CustomStringConvertible {
    package enum Operator: String, Sendable, CaseIterable {
        // Stores. The engine reads what it has written; the medium gets something else.
        case dropStore, loseFirstUnit, loseLastUnit, loseLastLine, shiftStore, plainStore
        // Flushes.
        case dropFlush, shortenFlush, shiftFlush
        // Drains.
        case dropDrain, earlyDrain, lateDrain
        // Costs, which the budgets must notice.
        case duplicateStore, duplicateFlush, duplicateDrain

        package func applies(to kind: SimulatedEvent.Kind) -> Bool {
            switch self {
            case .dropStore, .loseFirstUnit, .loseLastUnit, .loseLastLine, .shiftStore, .plainStore,
                .duplicateStore:
                kind == .copyIn
            case .dropFlush, .shortenFlush, .shiftFlush, .duplicateFlush: kind == .flush
            case .dropDrain, .earlyDrain, .lateDrain, .duplicateDrain: kind == .drain
            }
        }

        /// Nothing but a budget can notice it.
        package var isCost: Bool {
            self == .duplicateStore || self == .duplicateFlush || self == .duplicateDrain
        }
    }

    package let kind: SimulatedEvent.Kind
    package let role: SimulatedEvent.Role
    /// Line of the call; ``anySite`` for all of its kind and role.
    package let site: UInt32
    package let `operator`: Operator
    /// Of so many calls one is struck.
    package let period: Int

    package static let anySite: UInt32 = 0

    package init(
        kind: SimulatedEvent.Kind, role: SimulatedEvent.Role, site: UInt32, operator: Operator, period: Int
    ) {
        self.kind = kind
        self.role = role
        self.site = site
        self.operator = `operator`
        self.period = period
    }

    /// As in `writer/drain/0/dropDrain/1`: role, kind, line, operator, period.
    package init?(text: String) {
        let parts = text.split(separator: "/" as Character).map(String.init)
        guard parts.count == 5, let role = SimulatedEvent.Role.allCases.first(where: { "\($0)" == parts[0] }),
            let kind = SimulatedEvent.Kind.allCases.first(where: { "\($0)" == parts[1] }),
            let site = UInt32(parts[2]), let effect = Operator(rawValue: parts[3]), effect.applies(to: kind),
            let period = Int(parts[4]), period > 0
        else { return nil }
        self.init(kind: kind, role: role, site: site, operator: effect, period: period)
    }

    package var description: String {
        "\(`operator`) at \(site == Self.anySite ? "every line" : "line \(site)") (\(role) \(kind))"
            + (period > 1 ? ", one in \(period)" : "")
    }

    @inline(__always)
    func concerns(_ event: SimulatedEvent) -> Bool {
        (event.site == site || site == Self.anySite) && event.kind == kind && event.role == role
    }
}
