/// Says again which key each write of a thread had, in order.
protocol WriteSequence: Sendable {
    /// The key of the next write; nil where it is one of no other write, such as an insert.
    mutating func nextWrite() -> UInt64?
}

extension NumberSource {
    /// Every number is a write.
    var writes: NumberedWrites<Self> { NumberedWrites(numbers: self) }
}

struct NumberedWrites<Numbers: NumberSource>: WriteSequence {
    var numbers: Numbers

    mutating func nextWrite() -> UInt64? { numbers.next() }
}

/// The writes of a mix.
struct MixWrites: WriteSequence {
    var plan: MixPlan

    mutating func nextWrite() -> UInt64? {
        while true {
            let choice = plan.next()
            switch choice.kind {
            case .update, .readModifyWrite: return choice.number
            case .insert: return nil
            default: continue
            }
        }
    }
}

/// Finds out, when the writes of a round are done, whether the store holds them. The versions of a round's writes are
/// of that round and its thread alone, so a lost write shows in the version of its key.
struct WriteAudit {
    /// More writes than a thread does in a round.
    static let span: UInt64 = 1 << 36
    /// So many rounds later versions come again.
    static let mostRounds = 1 << 17
    private static let mostThreads: UInt64 = 1024

    private let base: UInt64

    /// `round` counts the rounds of a session that write. The versions of a load are far below all of theirs.
    init(round: Int) {
        base = 1 << 63 + UInt64(round % Self.mostRounds) * Self.mostThreads * Self.span
    }

    func firstVersion(ofThread thread: Int) -> UInt64 { base + UInt64(thread) * Self.span }

    /// Keys that were written and do not hold the last write of any thread to them. `counts` are the writes of each
    /// thread's sequence.
    func lostWrites<Writes: WriteSequence>(
        _ sequences: [Writes], counts: [Int], in store: VersionCollector
    ) -> Int {
        // 0: not written; 1: written; 2: holds the last write of a thread.
        var marks = [UInt8](repeating: 0, count: store.versions.count)
        for (thread, pair) in zip(sequences, counts).enumerated() {
            var (sequence, count) = pair
            let first = firstVersion(ofThread: thread)
            for write in 0..<UInt64(count) {
                guard let number = sequence.nextWrite(), number < UInt64(marks.count) else { continue }
                let offset = store.versions[Int(number)] &- first
                if offset == write {
                    marks[Int(number)] = 2
                } else if marks[Int(number)] == 0 || offset < write {
                    // What the store holds, if it is of this thread at all, should have been written over.
                    marks[Int(number)] = 1
                }
            }
        }
        return marks.count { $0 == 1 }
    }
}

extension EngineSession {
    func beginAudit() -> WriteAudit { WriteAudit(round: nextAudit()) }

    func nextAudit() -> Int {
        audits += 1
        return audits
    }

    /// Reads every pair once and returns the versions. Fails the round when pairs are missing or a byte is wrong.
    func expectPairs(_ engine: Engine, keys: Int, after work: String) throws -> VersionCollector {
        var collector = VersionCollector(keys: keys, shape: parameters.shape)
        try expect(readAll(engine, keys: keys, &collector), keys, "pairs after \(work)")
        try expect(collector.right, keys, "right pairs after \(work)")
        return collector
    }

    /// Fails the round when a key does not hold the last write to it. Values without room for a version are only
    /// checked to be right.
    func expectWrites<Writes: WriteSequence>(
        _ engine: Engine, _ audit: WriteAudit, _ sequences: [Writes], counts: [Int], keys: Int? = nil
    ) throws {
        let collector = try expectPairs(engine, keys: keys ?? parameters.keys, after: "writing")
        guard parameters.shape.valueBytes >= 16 else { return }
        try expect(
            audit.lostWrites(sequences, counts: counts, in: collector), 0, "keys whose last write was lost")
    }

    /// Shows every pair, by a scan or, where keys have no order, one by one; returns their number.
    func readAll<Visitor: PairVisitor>(_ engine: Engine, keys: Int, _ visitor: inout Visitor) throws -> Int {
        if Engine.abilities.isOrdered { return try engine.scan(reverse: false, &visitor) }
        var buffer = PairBuffer(shape: parameters.shape)
        // One sight for all: what a visitor has collected is not copied for every key.
        var sight = KeyedVisitor(visitor: visitor, key: buffer)
        for number in 0..<UInt64(keys) {
            buffer.setKey(number)
            sight.key.setKey(number)
            _ = try engine.get(buffer.key, &sight)
        }
        visitor = sight.visitor
        return try engine.count()
    }
}

/// Turns a visitor of pairs into one of values.
private struct KeyedVisitor<Visitor: PairVisitor>: ValueVisitor {
    var visitor: Visitor
    var key: PairBuffer

    mutating func visit(_ value: RawSpan) { Self.show(key, value, &visitor) }

    /// Apart from the visitor: the key is lent while what sees it changes.
    private static func show(_ key: PairBuffer, _ value: RawSpan, _ visitor: inout Visitor) {
        visitor.visit(key.key, value)
    }
}
