/// A named collection of pairs, ordered by key. Tables of one store share its transactions.
public struct Table: Hashable, Sendable {
    /// The table's number in its store; never given to another table.
    public let number: UInt32

    package init(number: UInt32) { self.number = number }

    /// The table that every store has.
    public static let main = Table(number: 1)
}
