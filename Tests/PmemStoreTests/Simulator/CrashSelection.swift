/// Which of the pending words a power cut leaves.
enum CrashSelection: CustomStringConvertible {
    case none
    case all
    case without(unit: Int)
    case only(unit: Int)
    case withoutEvent(Int)
    case onlyEvent(Int)
    case onlyEvents([Int])
    case first(Int)
    case from(Int)
    case mask(UInt64)
    case random(seed: UInt64)

    func contains(_ index: Int, _ unit: PendingUnit) -> Bool {
        switch self {
        case .none: false
        case .all: true
        case .without(let other): index != other
        case .only(let other): index == other
        case .withoutEvent(let event): unit.event != event
        case .onlyEvent(let event): unit.event == event
        case .onlyEvents(let events): events.contains(unit.event)
        case .first(let count): index < count
        case .from(let first): index >= first
        case .mask(let bits): bits >> UInt64(index) & 1 == 1
        case .random(let seed):
            (UInt64(index) &+ seed &* 0x9e37_79b9_7f4a_7c15) &* 0xbf58_476d_1ce4_e5b9 >> 40 & 1 == 1
        }
    }

    var description: String {
        switch self {
        case .none: "nothing pending"
        case .all: "everything pending"
        case .without(let unit): "all but unit \(unit)"
        case .only(let unit): "only unit \(unit)"
        case .withoutEvent(let event): "all but event \(event)"
        case .onlyEvent(let event): "only event \(event)"
        case .onlyEvents(let events): "only events \(events)"
        case .first(let count): "the first \(count) units"
        case .from(let first): "units from \(first) on"
        case .mask(let bits): "units of mask \(String(bits, radix: 2))"
        case .random(let seed): "random units of seed \(seed)"
        }
    }

    /// The naive model's images of a crash point: all subsets of up to 8 words; of more, the extremes, and `sample` of
    /// each other kind.
    static func images(of pending: [PendingUnit], sample: Int, using random: inout SeededGenerator)
        -> [CrashSelection]
    {
        let count = pending.count
        if count == 0 { return [.none] }
        if count <= 8 { return (0..<(1 << UInt64(count))).map { .mask($0) } }
        var images: [CrashSelection] = [.none, .all]
        let events = pending.reduce(into: [Int]()) { if $0.last != $1.event { $0.append($1.event) } }
        for event in pick(events, sample, &random) { images += [.withoutEvent(event), .onlyEvent(event)] }
        for unit in pick(Array(0..<count), sample, &random) {
            images += [.without(unit: unit), .only(unit: unit)]
        }
        for _ in 0..<sample {
            images += [
                .first(.random(in: 1..<count, using: &random)), .from(.random(in: 1..<count, using: &random)),
                .random(seed: random.next() >> 8),
            ]
        }
        return images
    }

    /// All combinations of whole copies being there or not.
    static func eventSubsets(of pending: [PendingUnit]) -> [CrashSelection] {
        let events = pending.reduce(into: [Int]()) { if $0.last != $1.event { $0.append($1.event) } }
        return (0..<(1 << events.count)).map { bits in
            .onlyEvents(events.enumerated().filter { bits >> $0.offset & 1 == 1 }.map(\.element))
        }
    }

    /// `count` of the items, the newest among them: what a crash leaves out first.
    private static func pick(_ items: [Int], _ count: Int, _ random: inout SeededGenerator) -> [Int] {
        if items.count <= count { return items }
        return [items[items.count - 1]]
            + (1..<max(count, 1)).map { _ in items[.random(in: 0..<items.count, using: &random)] }
    }
}
