package import PmemStore

/// The calls through a door and the promises between them, for whoever explains a failure.
package struct EventJournal: Sendable {
    package private(set) var events: [SimulatedEvent] = []
    /// What was promised, and how many events had been by then.
    private var promises: [(events: Int, text: String)] = []

    mutating func note(_ event: SimulatedEvent) { events.append(event) }

    mutating func note(_ promise: MediumEvent, at events: Int) {
        switch promise {
        case .acknowledged(let commit): promises.append((events, "the acknowledgement of commit \(commit)"))
        case .checkpointed(let commit):
            promises.append((events, "the promise of the checkpoint of \(commit)"))
        case .recoveryEnded: promises.append((events, "the end of recovery"))
        case .recoveryBegan: break
        }
    }

    mutating func removeAll() {
        events = []
        promises = []
    }

    /// The last promise before a crash point, at or behind an event.
    func promise(from first: Int, to last: Int) -> String? {
        promises.first { $0.events > first && $0.events <= last }?.text
    }
}
