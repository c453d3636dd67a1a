/// Turns a visitor of blocks into one of values.
struct IndexedVisitor<Visitor: BlockVisitor>: ValueVisitor {
    var visitor: Visitor
    let index: Int

    @inline(__always)
    mutating func visit(_ value: RawSpan) {
        visitor.visit(value, at: index)
    }
}

/// Only counts; for engines that do not know how many pairs they hold.
struct PairCounter: PairVisitor {
    mutating func visit(_ key: RawSpan, _ value: RawSpan) {}
}

/// Bytes of two spans as C strings with lengths.
@inline(__always)
func withCharacters<R>(
    _ first: RawSpan, _ second: RawSpan,
    _ body: (UnsafeBufferPointer<CChar>, UnsafeBufferPointer<CChar>) throws -> R
) rethrows -> R {
    try unsafe first.withUnsafeBytes { head in
        try unsafe second.withUnsafeBytes { tail in
            try unsafe body(
                head.assumingMemoryBound(to: CChar.self), tail.assumingMemoryBound(to: CChar.self))
        }
    }
}
