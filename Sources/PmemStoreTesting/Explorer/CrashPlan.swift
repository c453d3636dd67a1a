/// How much is explored at each crash point, beyond every future of a power cut.
package struct CrashPlan: Sendable {
    /// Of so many futures one is put to use after recovery: recovered again, probed, saved, opened again. 0: none.
    package var use = 16
    /// Crashes within the recovery of a future: of every distinct one (1), or of one in so many. 0: none.
    package var nesting = 1
    /// As `nesting`, one level deeper.
    package var deepNesting = 50
    /// Of so many futures one lives on: it commits and saves, and is crashed all the while. 0: none.
    package var lives = 4000
    /// At one of so many events the process is killed instead, and the power is cut later. 0: never.
    package var kills = 50
    /// The process is killed before every drain as well.
    package var killsAtDrains = false
    /// Of so many futures one is damaged, and recovered once more. 0: none.
    package var faults = 200
    /// Records of damaged futures are verified when they are read. Not so: a flipped bit in a value is a wrong answer.
    package var verifiesRecords = true
    /// A crash point with more futures is given up, and counted. Where recovery clears the log's tail and a superblock
    /// that a power cut has torn before, there are more than 100 000.
    package var futureLimit = 1_000_000
    /// Exploring ends with so many failures.
    package var failureLimit = 1

    package init() {}

    /// Nothing but the futures of each crash point.
    package static var flat: CrashPlan {
        var plan = CrashPlan()
        plan.nesting = 0
        plan.lives = 0
        plan.kills = 0
        plan.faults = 0
        return plan
    }
}

/// What was explored.
package struct CrashTally: Sendable, CustomStringConvertible {
    package var events = 0
    package var points = 0
    /// Futures at depth 1: recovered and compared.
    package var states = 0
    /// Futures of crashes within recovery, or within the life after it.
    package var nested = 0
    /// Of these, at depth 3.
    package var deep = 0
    package var used = 0
    package var lives = 0
    package var kills = 0
    /// Futures that were damaged, and what came of it.
    package internal(set) var faults: [MediaFault.Kind: FaultTally] = [:]
    /// Crash points given up.
    package var capped = 0
    package var mostFutures = 0
    /// Transactions that the store was too full for.
    package var refused = 0

    package init() {}

    package var all: Int { states + nested }

    package var damaged: FaultTally { faults.values.reduce(FaultTally(), +) }

    package static func += (left: inout CrashTally, right: CrashTally) {
        left.events += right.events
        left.points += right.points
        left.states += right.states
        left.nested += right.nested
        left.deep += right.deep
        left.used += right.used
        left.lives += right.lives
        left.kills += right.kills
        left.faults.merge(right.faults, uniquingKeysWith: +)
        left.capped += right.capped
        left.mostFutures = max(left.mostFutures, right.mostFutures)
        left.refused += right.refused
    }

    package var description: String {
        "\(all) states: \(states) at \(points) crash points (at most \(mostFutures) each, \(capped) given up), "
            + "\(nested) nested (\(deep) of depth 3); \(used) used, \(lives) lives, "
            + "\(kills) kills; \(damaged)"
    }
}

/// What has become of futures that were damaged.
package struct FaultTally: Sendable, CustomStringConvertible {
    package private(set) var right = 0
    package private(set) var reported = 0
    package private(set) var tailsLost = 0
    package private(set) var superblocksLost = 0
    package private(set) var keysRotten = 0
    package private(set) var wrong = 0

    package var all: Int { right + reported + tailsLost + superblocksLost + keysRotten + wrong }

    mutating func count(_ result: FaultTrials.Result) {
        switch result {
        case .right: right += 1
        case .reported: reported += 1
        case .tailLost: tailsLost += 1
        case .superblockLost: superblocksLost += 1
        case .keyRotten: keysRotten += 1
        case .wrong: wrong += 1
        }
    }

    package static func + (left: Self, right: Self) -> Self {
        var sum = left
        sum.right += right.right
        sum.reported += right.reported
        sum.tailsLost += right.tailsLost
        sum.superblocksLost += right.superblocksLost
        sum.keysRotten += right.keysRotten
        sum.wrong += right.wrong
        return sum
    }

    package var description: String {
        "\(all) damaged: \(right) right, \(reported) reported, \(tailsLost) at the commit before by a torn tail, "
            + "\(superblocksLost) by a lost superblock, \(keysRotten) with a rotten key, \(wrong) wrong"
    }
}

/// Something that the explorer found.
package struct CrashFailure: Sendable, CustomStringConvertible {
    /// What noticed it.
    package enum Rung: String, Sendable, CaseIterable { case door, cut, nested, use, cost, live, fault }

    package let rung: Rung
    package let text: String
    /// Repeats it; empty where a whole run is needed.
    package let token: String

    package var description: String { "[\(rung)] \(text)" + (token.isEmpty ? "" : "\n  replay: \(token)") }
}
