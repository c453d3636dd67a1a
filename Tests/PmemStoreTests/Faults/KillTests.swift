import Testing

@testable internal import PmemStore

/// Processes that are killed while several threads use the store: real kills, and power cuts.
@Suite("Faults: kills and power cuts")
struct KillTests {
    @Test("Histories across kills are strictly serialisable, and nothing is lost", arguments: Place.allCases)
    func kills(place: Place) throws {
        // A commit on an ordinary file system waits for its disk.
        try Self.run(place, rounds: place == .volatileMemory ? 100 : 30, lostFences: nil)
    }

    @Test("So they are across power cuts", arguments: Place.allCases)
    func powerCuts(place: Place) throws {
        try Self.run(place, rounds: place == .volatileMemory ? 150 : 50, lostFences: 0)
    }

    private static func run(_ place: Place, rounds: Int, lostFences: UInt64?) throws {
        let seed = TestPlan.seeds([7])[0]
        var kills = KillRounds(place, seed: seed, lostFences: lostFences)
        for round in 0..<UInt64(rounds * TestPlan.scale) {
            let failures = try kills.run(round)
            try #require(failures == [], "seed \(seed), round \(round)")
        }
        #expect(kills.commits > 10)
        print("\(place), lost fences \(lostFences.map(String.init) ?? "-"): \(kills.commits) commits judged")
    }

    @Test("Fences that do nothing are noticed within a few power cuts")
    func lostFences() throws {
        var kills = KillRounds(.volatileMemory, seed: 3, lostFences: 20)
        let isNoticed = try (0..<UInt64(40)).contains { round in try !kills.run(round).isEmpty }
        #expect(isNoticed)
    }
}
