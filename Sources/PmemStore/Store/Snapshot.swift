internal import CPmem

/// A commit that stays readable for as long as this object lives, from any thread.
///
/// It costs the space of what has been replaced since and that it can still see; nothing that was written later.
/// ``Store/close()`` does not succeed while it lives.
public final class Snapshot: Sendable {
    private let store: Store
    private let pin: ReaderTable.Pin

    init(store: Store, pin: ReaderTable.Pin) {
        self.store = store
        self.pin = pin
    }

    deinit { store.engine.readers.unpin(pin) }

    /// The commit that is seen.
    public var commit: UInt64 { pin.commit }

    /// Runs `body` on the snapshot's view. Never waits.
    public func read<R>(_ body: (borrowing ReadTransaction) throws -> R) throws -> R {
        try store.read(try store.beginRead(pin), body)
    }

    /// The pairs of a table as a sequence of copies, ascending or descending. It keeps the snapshot alive.
    public func pairs(
        in table: Table = .main, from lower: [UInt8]? = nil, to upper: [UInt8]? = nil, reversed: Bool = false
    ) -> Pairs {
        Pairs(snapshot: self, table: table, lower: lower, upper: upper, isReversed: reversed)
    }
}

/// The pairs of a table between two bounds, in order or in reverse order, as copies.
///
/// An error while reading a damaged store ends the iteration; ``Snapshot/read(_:)`` tells it.
public struct Pairs: Sequence, Sendable {
    let snapshot: Snapshot
    let table: Table
    let lower: [UInt8]?
    let upper: [UInt8]?
    let isReversed: Bool

    /// Fetches some pairs at a time.
    public struct Iterator: IteratorProtocol {
        private var rest: Pairs
        private var buffer: ArraySlice<Pair> = []
        private var isAtEnd = false
        private static let batch = 64

        init(_ pairs: Pairs) { rest = pairs }

        /// The next pair, or nil at the end.
        public mutating func next() -> Pair? {
            if buffer.isEmpty, !isAtEnd { fill() }
            return buffer.popFirst()
        }

        private mutating func fill() {
            var found: [Pair] = []
            let range = rest
            try? range.snapshot.read { tx in
                try tx.forEach(
                    in: range.table, from: range.lower, to: range.upper, reversed: range.isReversed
                ) { key, value in
                    unsafe found.append(
                        Pair(
                            key: key.withUnsafeBytes { unsafe [UInt8]($0) },
                            value: unsafe value.withUnsafeBytes { unsafe [UInt8]($0) }))
                    return found.count < Self.batch
                }
            }
            isAtEnd = found.count < Self.batch
            if let last = found.last { rest = rest.continued(after: last.key) }
            buffer = found[...]
        }
    }

    /// Starts at the first pair.
    public func makeIterator() -> Iterator { Iterator(self) }

    private func continued(after key: [UInt8]) -> Pairs {
        Pairs(
            snapshot: snapshot, table: table, lower: isReversed ? lower : key + [0],
            upper: isReversed ? key : upper, isReversed: isReversed)
    }
}
