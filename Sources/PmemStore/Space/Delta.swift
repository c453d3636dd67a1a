/// A word of the lists by which commits tell the checkpointer what became reachable and what no longer is.
package enum Delta {
    /// The offset is set free.
    package static let death: UInt64 = 1
    /// What is set free is a record whose value has an extent of its own, to be set free with it.
    package static let external: UInt64 = 2
    /// What is set free is a tree node.
    package static let node: UInt64 = 4
    /// What is set free is an operation list that only recovery would have read.
    package static let spill: UInt64 = 8

    @inline(__always)
    package static func offset(_ word: UInt64) -> UInt64 { word & PlaceBits.offset }
}
