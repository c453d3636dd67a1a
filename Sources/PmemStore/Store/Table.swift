/// A named collection of pairs, ordered by key. Tables of one store share its transactions.
///
/// Valid in the store that it came from only: another store may have another table under the number, or none, and a
/// number without a table reads as an empty one.
public struct Table: Hashable, Sendable {
    /// The table's number in its store; never given to another table.
    public let number: UInt32

    package init(number: UInt32) { self.number = number }

    /// The table that every store has.
    public static let main = Table(number: 1)
}
