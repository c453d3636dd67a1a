import Synchronization

@testable import pmembench

/// What a faulty engine does wrong.
protocol EngineFault: Sendable {
    static var fault: Fault { get }
}

enum Fault: Sendable {
    case none, losesPuts, mixesValues, skipsInScans, skipsInSeeks, losesMoney, forgetsViews, missesInBatches
}

/// A small engine in memory that is wrong in one way: a benchmark must notice.
final class FaultyEngine<Kind: EngineFault>: BenchmarkEngine {
    static var abilities: EngineAbilities { EngineAbilities() }
    static var version: String { "0" }
    let durability = "nothing"
    let domain = "volatile"
    let lease = "none"

    private struct State {
        var pairs: [[UInt8]: [UInt8]] = [:] { didSet { order = nil } }
        var puts = 0
        private var order: [(key: [UInt8], value: [UInt8])]?

        /// Worked out once between two writes.
        var sorted: [(key: [UInt8], value: [UInt8])] {
            mutating get {
                if let order { return order }
                let made = pairs.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map {
                    ($0.key, $0.value)
                }
                order = made
                return made
            }
        }
    }

    private let state = Mutex(State())

    static func create(in directory: String, options: EngineOptions) -> FaultyEngine { FaultyEngine() }
    static func open(in directory: String, options: EngineOptions) -> FaultyEngine { FaultyEngine() }

    func close() {}

    func put(_ key: RawSpan, _ value: RawSpan) {
        let (key, value) = (copy(key), copy(value))
        state.withLock { state in
            state.puts += 1
            if Kind.fault == .losesPuts, state.puts % 100 == 0 { return }
            state.pairs[key] = value
        }
    }

    func putBatch<Source: PairSource>(_ count: Int, from source: inout Source) {
        for _ in 0..<count {
            source.advance()
            put(source.key, source.value)
        }
    }

    func delete(_ key: RawSpan) -> Bool? {
        let key = copy(key)
        return state.withLock { $0.pairs.removeValue(forKey: key) != nil }
    }

    func readModifyWrite<Visitor: ValueVisitor>(
        _ key: RawSpan, _ value: RawSpan, _ visitor: inout Visitor
    ) -> Bool {
        let isFound = get(key, &visitor)
        put(key, value)
        return isFound
    }

    func changePair<Change: PairChange>(_ first: RawSpan, _ second: RawSpan, _ change: inout Change) -> Bool {
        let areFound = change.see(first, second) { get($0, &$1) }
        put(first, change.first)
        if Kind.fault != .losesMoney { put(second, change.second) }
        return areFound
    }

    func get<Visitor: ValueVisitor>(_ key: RawSpan, _ visitor: inout Visitor) -> Bool {
        var key = copy(key)
        if Kind.fault == .mixesValues, key[7] % 3 == 0 { key = state.withLock { $0.pairs.keys.first } ?? key }
        guard let value = state.withLock({ $0.pairs[key] }) else { return false }
        visitor.visit(value.bytes)
        return true
    }

    func multiGet<Visitor: BlockVisitor>(_ keys: borrowing KeyBlock, _ visitor: inout Visitor) -> Int {
        var hits = 0
        for index in 0..<keys.count {
            let key = copy(keys[index])
            if Kind.fault == .missesInBatches, index == 3 { continue }
            guard let value = state.withLock({ $0.pairs[key] }) else { continue }
            visitor.visit(value.bytes, at: index)
            hits += 1
        }
        return hits
    }

    func scan<Visitor: PairVisitor>(reverse: Bool, _ visitor: inout Visitor) -> Int {
        var pairs = state.withLock { $0.sorted }
        if reverse { pairs.reverse() }
        if Kind.fault == .skipsInScans { pairs.removeLast() }
        for (key, value) in pairs { visitor.visit(key.bytes, value.bytes) }
        return pairs.count
    }

    func scan<Visitor: PairVisitor>(from key: RawSpan, limit: Int, _ visitor: inout Visitor) -> Int {
        let key = copy(key)
        let sorted = state.withLock { $0.sorted }
        // Keys are numbers below the count of pairs, in order, so that the first one's place is known.
        let number = key.prefix(8).reduce(0) { $0 << 8 | Int($1) }
        var pairs = sorted.dropFirst(number)
        if Kind.fault == .skipsInSeeks { pairs = pairs.dropFirst() }
        for (key, value) in pairs.prefix(limit) { visitor.visit(key.bytes, value.bytes) }
        return min(limit, pairs.count)
    }

    func snapshot() -> any EngineSnapshot {
        View(engine: Kind.fault == .forgetsViews ? self : nil, pairs: state.withLock { $0.sorted })
    }

    private struct View: EngineSnapshot {
        let engine: FaultyEngine?
        let pairs: [(key: [UInt8], value: [UInt8])]

        func scan<Visitor: PairVisitor>(_ visitor: inout Visitor) -> Int {
            if let engine { return engine.scan(reverse: false, &visitor) }
            for (key, value) in pairs { visitor.visit(key.bytes, value.bytes) }
            return pairs.count
        }

        func release() {}
    }

    func count() -> Int { state.withLock { $0.pairs.count } }
    func usedBytes() -> UInt64 { 0 }

    private func copy(_ span: RawSpan) -> [UInt8] { unsafe span.withUnsafeBytes { unsafe Array($0) } }
}
