/// What came of pairs of mutants: how many were killed, and how soon.
package struct PairScore {
    /// Of a hundred pairs, so many must be killed.
    package static let least = 95

    /// How many pairs there are to draw from.
    private let available: Int
    private var killed: [Int] = []
    private var judged = 0
    /// Pairs of which both parts had struck before they were noticed; nil: nobody counts them.
    private var joint: Int?

    package init(available: Int) { self.available = available }

    package mutating func enter(milliseconds: Int, isKilled: Bool, isJoint: Bool? = nil) {
        judged += 1
        if isKilled { killed.append(milliseconds) }
        if let isJoint { joint = (joint ?? 0) + (isJoint ? 1 : 0) }
    }

    package var isEnough: Bool { killed.count * 100 >= judged * Self.least }

    package var summary: String {
        let times = killed.sorted()
        let share = judged == 0 ? 0 : killed.count * 1000 / judged
        return "pairs: \(judged) of \(available), \(killed.count) killed (\(share / 10).\(share % 10) %), "
            + "median \(times.isEmpty ? 0 : times[times.count / 2]) ms, at most \(times.last ?? 0) ms; "
            + (joint.map { "both struck in \($0), " } ?? "") + "\(judged - killed.count) open"
    }
}
