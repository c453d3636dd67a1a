package import PmemStore

/// A fault of the whole medium that cannot go unnoticed. Each run of the lab lets all of them sing: where one survives,
/// the lab has gone blind, and what it has not found means nothing.
package struct Canary: Sendable {
    package let mutation: MediumMutation
    /// What has to notice it. Other than `door` and `cost`: with the door's audit switched off.
    package let rungs: [CrashFailure.Rung]

    private init(
        _ operator: MediumMutation.Operator, _ kind: SimulatedEvent.Kind, _ role: SimulatedEvent.Role,
        _ rungs: CrashFailure.Rung..., period: Int = 1
    ) {
        mutation = MediumMutation(
            kind: kind, role: role, site: nil, operator: `operator`, period: period)
        self.rungs = rungs
    }

    package static let all: [Self] = [
        Self(.dropStore, .copyIn, .writer, .door),
        Self(.plainStore, .copyIn, .checkpointer, .door),
        Self(.dropDrain, .drain, .writer, .door),
        Self(.dropStore, .copyIn, .writer, .cut, .nested, .live, .use, period: 3),
        Self(.loseLastLine, .copyIn, .checkpointer, .cut, .nested, .live, .use),
        Self(.dropDrain, .drain, .writer, .cut, .nested),
        Self(.dropDrain, .drain, .checkpointer, .cut, .nested),
        Self(.lateDrain, .drain, .checkpointer, .cut, .nested),
        Self(.earlyDrain, .drain, .writer, .cut, .nested),
        Self(.dropFlush, .flush, .writer, .nested),
        Self(.duplicateDrain, .drain, .writer, .cost),
        Self(.duplicateStore, .copyIn, .checkpointer, .cost, period: 3),
    ]

    /// The scenarios in which they sing.
    package static let scenarios = MutationScenario.all.filter {
        ["small", "first", "killedCommits"].contains($0.name)
    }

    private var isAudited: Bool { rungs.contains(.door) || rungs.contains(.cost) }

    /// What is wrong with the lab; nil when the canary was noticed by what should have.
    package func silence(in campaign: MutationCampaign) -> String? {
        let outcome = campaign.outcome([mutation], isAudited: isAudited)
        guard let killer = outcome.killer else { return "\(mutation) went unnoticed" }
        return rungs.contains(killer) ? nil : "\(mutation) was noticed by \(killer) only: \(outcome.detail)"
    }
}
