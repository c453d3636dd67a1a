/// A state after a power cut that should not be. Its description is the whole report.
public struct CrashLabFailure: Error, Sendable, CustomStringConvertible {
    /// Repeats this state: ``CrashLab/replay(_:_:verify:)``, or the variable ``CrashLab/replayVariable``.
    public let token: String
    /// Where power was cut: what the store was about to do.
    public let site: String
    /// Transactions that had returned by then, in the order of the run.
    public let acknowledged: UInt64
    /// The commit that recovery has found; nil when it has refused.
    public let found: UInt64?
    /// What `verify`, or recovery, has thrown.
    public let reason: String
    /// What had been stored and was not durable: how much of it the state holds.
    public let stores: [String]

    /// All of it, in some lines.
    public var description: String {
        let found = found.map { "the store holds commit \($0)" } ?? "the store does not open"
        return """
            \(reason)
              power cut \(site); \(acknowledged) transactions had returned, \(found)
            \(stores.map { "  \($0)\n" }.joined())\
              again: \(CrashLab.replayVariable)='\(token)', and the same command
            """
    }
}

/// Name, moment and decisions: what repeats one state.
package struct CrashLabToken: Equatable, CustomStringConvertible {
    package let name: String
    let event: Int
    let decisions: [Int32]

    init(name: String, event: Int, decisions: [Int32]) {
        self.name = name
        self.event = event
        self.decisions = decisions
    }

    /// As ``description`` writes it; a name may hold colons.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[0] == "pmsl1", let event = Int(parts[parts.count - 2]), event >= 0,
            let decisions = DecisionVector.parse(parts[parts.count - 1])
        else { return nil }
        self.init(
            name: parts[1..<(parts.count - 2)].joined(separator: ":"), event: event, decisions: decisions)
    }

    package var description: String {
        "pmsl1:\(name):\(event):\(decisions.map(String.init).joined(separator: "."))"
    }
}
