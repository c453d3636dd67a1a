/// A small store that needs more space than it has.
package struct GrowthScenario: Sendable {
    package let name: String
    /// Chunks of the first segment, and those that others may add.
    package let chunks: Int
    package let growth: Int
    package let start: [ModelStep]
    package let steps: [ModelStep]

    /// Each size of values takes a chunk of its own: that is how few pairs fill a store.
    private static let sizes = [40, 150, 280, 400, 550, 700, 850, 1000, 1300, 1600, 2000, 2600, 3300]

    static func put(_ size: Int, _ number: Int, fill: UInt8 = 1) -> ModelOperation {
        .put(
            [UInt8](repeating: fill &+ UInt8(size), count: sizes[size]),
            key: OperationShapes.key(100 * size + number), table: 1)
    }

    static func delete(_ size: Int, _ number: Int) -> ModelOperation {
        .delete(OperationShapes.key(100 * size + number), table: 1)
    }

    /// As many sizes as the first segment has room for, saved.
    static let full: [ModelStep] = [
        .commit([put(0, 0), put(1, 0)]), .checkpoint, .commit([put(2, 0)]),
    ]

    /// Enough for the first segment to be no low one without the others, which are then given back.
    static let roomy = 8
    private static let more = 3..<8
    /// The last of the sizes takes a chunk of a grown segment.
    static let grown = full + [.commit(more.map { put($0, 0) }), .checkpoint]
    static let emptying = more.map { delete($0, 0) }

    package static let all: [GrowthScenario] = [
        // Growth in the middle of a transaction; then commits and a checkpoint that count on it.
        GrowthScenario(
            name: "commit", chunks: 6, growth: 8, start: full,
            steps: [
                .commit([put(0, 1), put(3, 0), put(4, 0), put(5, 0)]), .commit([put(5, 1), delete(0, 0)]),
                .checkpoint, .commit([put(5, 0, fill: 7), put(4, 1)]), .reopen, .commit([put(3, 1)]),
            ]),
        // The process is killed when the segment counts for the log alone, then when a checkpoint holds it.
        GrowthScenario(
            name: "kill", chunks: 6, growth: 8, start: full,
            steps: [
                .commit([put(3, 0), put(4, 0), put(5, 0)]), .kill, .commit([put(5, 1), put(4, 1)]),
                .checkpoint, .kill, .commit([put(5, 2)]), .checkpoint,
            ]),
        // A second growth behind the first, before and after a checkpoint counts that one.
        GrowthScenario(
            name: "twice", chunks: 6, growth: 12,
            start: full + [.commit([put(3, 0), put(4, 0), put(5, 0)])],
            steps: [
                .commit([put(6, 0), put(7, 0), put(8, 0), put(9, 0)]), .checkpoint,
                .commit([put(9, 1), delete(3, 0), put(10, 0)]), .checkpoint, .commit([put(9, 0, fill: 3)]),
            ]),
        // A transaction that grew the store is given up; the segment stays.
        GrowthScenario(
            name: "abort", chunks: 6, growth: 8, start: full,
            steps: [
                .abort([put(3, 0), put(4, 0), put(5, 0)]), .commit([put(4, 1)]), .checkpoint,
                .commit([put(5, 1)]),
            ]),
        // What grew is given back, and needed again.
        GrowthScenario(
            name: "shrink", chunks: roomy, growth: 8, start: grown,
            steps: [
                .commit(emptying), .checkpoint, .checkpoint,
                .shrink(segments: 1), .commit([put(1, 1)]), .commit([put(3, 2), put(4, 2), put(5, 2)]),
                .checkpoint,
                .commit([put(5, 3)]),
            ]),
        // No room for more: what is refused leaves no trace.
        GrowthScenario(
            name: "quota", chunks: 6, growth: 4, start: full + [.commit([put(3, 0), put(4, 0), put(5, 0)])],
            steps: [
                .commit([put(6, 0), put(7, 0), put(8, 0), put(9, 0), put(10, 0)]), .commit([put(5, 1)]),
                .checkpoint, .commit([delete(5, 0)]),
            ]),
    ]
}
