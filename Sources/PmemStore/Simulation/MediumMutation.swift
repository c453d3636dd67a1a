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
    /// The call; nil: all of its kind and role.
    package let site: SourceSite?
    package let `operator`: Operator
    /// Of so many calls one is struck.
    package let period: Int

    package init(
        kind: SimulatedEvent.Kind, role: SimulatedEvent.Role, site: SourceSite?, operator: Operator,
        period: Int
    ) {
        self.kind = kind
        self.role = role
        self.site = site
        self.operator = `operator`
        self.period = period
    }

    /// As in `writer/drain/Commit.swift:32/dropDrain/1`: role, kind, file and line, operator, period; 0 for the
    /// calls of all lines.
    package init?(text: String) {
        let parts = text.split(separator: "/" as Character).map(String.init)
        guard parts.count == 5, let role = SimulatedEvent.Role.allCases.first(where: { "\($0)" == parts[0] }),
            let kind = SimulatedEvent.Kind.allCases.first(where: { "\($0)" == parts[1] }),
            let site = Self.site(parts[2]), let effect = Operator(rawValue: parts[3]),
            effect.applies(to: kind),
            let period = Int(parts[4]), period > 0
        else { return nil }
        self.init(kind: kind, role: role, site: site, operator: effect, period: period)
    }

    /// nil: no site; a site of nil: all.
    private static func site(_ text: String) -> SourceSite?? {
        if text == "0" { return .some(nil) }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].hasSuffix(".swift"), let line = UInt32(parts[1]), line > 0 else {
            return nil
        }
        return SourceSite(file: String(parts[0]), line: line)
    }

    package var description: String {
        "\(`operator`) at \(site.map { "line \($0.line)" } ?? "every line") (\(role) \(kind))"
            + (period > 1 ? ", one in \(period)" : "")
    }

    @inline(__always)
    func concerns(_ event: SimulatedEvent) -> Bool {
        (site == nil || event.site == site) && event.kind == kind && event.role == role
    }
}
