/// Makes one kind of call through the door go wrong: a test of the explorer, which must notice.
final class MediumMutation {
    enum Effect { case happens, isDropped, isDurableAtOnce }

    private let rule: (SimulatedEvent, Int) -> Effect
    private var drains: [SimulatedEvent.Role: Int] = [:]
    /// How often the mutation has struck.
    private(set) var strikes = 0

    /// - Parameter rule: gets the event and the number of drains before it in its role.
    init(_ rule: @escaping (SimulatedEvent, Int) -> Effect) { self.rule = rule }

    func effect(of event: SimulatedEvent) -> Effect {
        let effect = rule(event, drains[event.role, default: 0])
        if event.kind == .drain { drains[event.role, default: 0] += 1 }
        if effect != .happens { strikes += 1 }
        return effect
    }
}
