/// Which calls are timed: one in `mean`, at distances of chance. At equal ones, what an engine does every so many calls
/// would be seen always or never.
struct LatencySampling: Sendable {
    let mean: Int
    let seed: UInt64

    /// Of each call the time.
    static let all = LatencySampling(mean: 1, seed: 0)

    /// Distances until they repeat: that many that every phase of a short period occurs.
    private static let distanceCount = 1024

    /// From each timed call of a thread to the next, to be repeated: `mean` on the average.
    func distances(ofThread thread: Int) -> [Int] {
        if mean == 1 { return [1] }
        var random = SeededGenerator(seed: mixed(seed &+ UInt64(thread)))
        let distances = (0..<Self.distanceCount / 2).flatMap { _ in
            // As far below the mean as above it.
            let distance = 1 + Int(random.below(UInt64(2 * mean - 1)))
            return [distance, 2 * mean - distance]
        }
        return distances.shuffled(using: &random)
    }
}
