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

/// Name, and moment and decisions of each power cut: what repeats one state.
package struct CrashLabToken: Equatable, CustomStringConvertible {
    /// A power cut: before which event, and what had arrived.
    struct Step: Equatable {
        let event: Int
        let decisions: [Int32]
    }

    package let name: String
    /// The cut of the run, then those within recovery. Never empty.
    let steps: [Step]

    init(name: String, steps: [Step]) {
        self.name = name
        self.steps = steps
    }

    /// As ``description`` writes it; a name may hold colons.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[0] == "pmsl1" else { return nil }
        let events = parts[parts.count - 2].split(separator: "+", omittingEmptySubsequences: false)
        let choices = parts[parts.count - 1].split(separator: "+", omittingEmptySubsequences: false)
        let steps = zip(events, choices).compactMap { event, choice in Step(event, choice) }
        guard events.count == choices.count, steps.count == events.count,
            steps.count <= CrashLab.depths.upperBound
        else { return nil }
        self.init(name: parts[1..<(parts.count - 2)].joined(separator: ":"), steps: steps)
    }

    /// As in `pmsl1:bank:11+2:0.0+1`: before event 11 of the run, then before event 2 of the recovery.
    package var description: String {
        let events = steps.map { String($0.event) }.joined(separator: "+")
        let choices = steps.map { $0.decisions.map(String.init).joined(separator: ".") }
        return "pmsl1:\(name):\(events):\(choices.joined(separator: "+"))"
    }
}

extension CrashLabToken.Step {
    fileprivate init?(_ event: Substring, _ choices: Substring) {
        guard let event = Int(event), event >= 0, let decisions = DecisionVector.parse(choices) else {
            return nil
        }
        self.init(event: event, decisions: decisions)
    }
}
