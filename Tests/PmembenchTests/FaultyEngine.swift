import Foundation
import Synchronization

@testable import pmembench

/// What a faulty engine does wrong.
protocol EngineFault: Sendable {
    static var fault: Fault { get }
}

enum Fault: Sendable {
    case none, losesPuts, mixesValues, skipsInScans, skipsInSeeks, losesMoney, forgetsViews, missesInBatches
    case garblesValues, hidesUpdates, hidesTransfers, keepsSomeDeleted, endsScansEarly, losesWhenClosed,
        fencesAnyway
    case copiesWhatComes, copiesTheOld, losesInCopies, tearsValues
}

/// A small engine in memory that is wrong in one way: a benchmark must notice.
final class FaultyEngine<Kind: EngineFault>: BenchmarkEngine {
    static var abilities: EngineAbilities { EngineAbilities() }
    static var version: String { "0" }
    let durability = "nothing at all"
    let domain = "volatile"
    let lease = "none"

    private struct State {
        var pairs: [[UInt8]: [UInt8]] = [:] { didSet { order = nil } }
        var puts = 0
        var deletes = 0
        /// What a copy that is too old holds.
        var old: [[UInt8]: [UInt8]] = [:]
        init(pairs: [[UInt8]: [UInt8]]) {
            self.pairs = pairs
        }

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

    private let state: Mutex<State>
    /// Held while two values change together.
    private let transfer = NSLock()
    private let directory: String
    let mediumCounters: MediumCounters?

    private init(_ directory: String, _ pairs: [[UInt8]: [UInt8]], _ options: EngineOptions) {
        self.directory = directory
        state = Mutex(State(pairs: pairs))
        let fences: UInt64? = Kind.fault == .fencesAnyway ? 0 : nil
        mediumCounters = fences.map { MediumCounters(fences: $0, flushedLines: 0, nonTemporalBytes: 0) }
    }

    static func create(in directory: String, options: EngineOptions) -> FaultyEngine {
        FaultyEngine(directory, [:], options)
    }

    static func open(in directory: String, options: EngineOptions) -> FaultyEngine {
        FaultyEngine(directory, FaultyMedium.pairs(in: directory), options)
    }

    func close() {
        var pairs = state.withLock { $0.pairs }
        if Kind.fault == .losesWhenClosed, let last = pairs.keys.first { pairs[last] = nil }
        FaultyMedium.keep(pairs, in: directory)
    }

    func backup(to directory: String) {
        var copy = state.withLock { $0.pairs }
        switch Kind.fault {
        case .copiesWhatComes:
            let begun = state.withLock { $0.puts }
            while state.withLock({ $0.puts }) < begun + 1000 {}
            let later = state.withLock { $0.pairs }
            for (key, value) in later where key[15] % 2 == 0 { copy[key] = value }
        case .copiesTheOld: copy = state.withLock { $0.old }
        case .losesInCopies: if let last = copy.keys.first { copy[last] = nil }
        default: break
        }
        FaultyMedium.keep(copy, in: directory)
    }

    func put(_ key: RawSpan, _ value: RawSpan) {
        let key = copy(key)
        var value = copy(value)
        if Kind.fault == .garblesValues, !value.isEmpty { value[0] ^= 1 }
        if Kind.fault == .tearsValues, !value.isEmpty { value[value.count - 1] ^= 1 }
        state.withLock { [key, value] state in
            state.puts += 1
            if Kind.fault == .copiesTheOld, state.puts == RunParameters.small().keys + 50 {
                state.old = state.pairs
            }
            if Kind.fault == .losesPuts, state.puts % 100 == 0 { return }
            if Kind.fault == .hidesUpdates, state.pairs[key] != nil, state.puts % 10 == 0 { return }
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
        return state.withLock { state in
            state.deletes += 1
            let isKept = Kind.fault == .keepsSomeDeleted && state.deletes % 100 == 0
            return isKept ? state.pairs[key] != nil : state.pairs.removeValue(forKey: key) != nil
        }
    }

    func readModifyWrite<Visitor: ValueVisitor>(
        _ key: RawSpan, _ value: RawSpan, _ visitor: inout Visitor
    ) -> Bool {
        let isFound = get(key, &visitor)
        put(key, value)
        return isFound
    }

    func changePair<Change: PairChange>(_ first: RawSpan, _ second: RawSpan, _ change: inout Change) -> Bool {
        transfer.lock()
        defer { transfer.unlock() }
        let areFound = change.see(first, second) { get($0, &$1) }
        if Kind.fault == .hidesTransfers { return areFound }
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
        pairs = pairs.prefix(Kind.fault == .endsScansEarly ? max(limit / 2, 1) : limit)
        for (key, value) in pairs { visitor.visit(key.bytes, value.bytes) }
        return pairs.count
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

/// What closed engines have left.
private enum FaultyMedium {
    private static let stores = Mutex<[String: [[UInt8]: [UInt8]]]>([:])

    static func pairs(in directory: String) -> [[UInt8]: [UInt8]] { stores.withLock { $0[directory] ?? [:] } }

    static func keep(_ pairs: [[UInt8]: [UInt8]], in directory: String) {
        stores.withLock { $0[directory] = pairs }
    }
}
