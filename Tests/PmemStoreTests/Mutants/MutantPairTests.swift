import Testing

@testable internal import PmemStore
@testable internal import PmemStoreTesting

/// Two mutants at the same time: which pairs there are, and that both parts are on.
@Suite("Mutants: pairs")
struct MutantPairTests {
    private static func words(_ sample: PairSample<Int>) -> [[Int]] {
        sample.pairs.map { [$0.first, $0.second] }
    }

    /// Of ten mutants: close are neighbours, foreign those that are far, and what is equal modulo 5 is no pair.
    private static func sample(count: Int, seed: UInt64) -> PairSample<Int> {
        PairSample(of: Array(0..<10), count: count, seed: seed) { first, second in
            if first % 5 == second % 5 { return nil }
            return second - first == 1 ? .close : second - first < 4 ? .related : .foreign
        }
    }

    @Test("A sample is the same for one seed, has no pair twice, and half of it are close")
    func sample() {
        for count in [1, 2, 8, 12] {
            let pairs = Self.words(Self.sample(count: count, seed: 7))
            #expect(pairs == Self.words(Self.sample(count: count, seed: 7)))
            #expect(pairs.count == count && Set(pairs).count == count)
            #expect(pairs.count { $0[1] - $0[0] == 1 } >= count / 2)
        }
        #expect(Self.words(Self.sample(count: 8, seed: 7)) != Self.words(Self.sample(count: 8, seed: 8)))
    }

    @Test(
        "Where one kind has too few pairs the others give more, up to all there are", arguments: [0, 40, 99])
    func everything(count: Int) {
        let sample = Self.sample(count: count, seed: 1)
        let pairs = Self.words(sample)
        #expect(sample.available == 40 && pairs.count == 40 && Set(pairs).count == 40)
        #expect(pairs.allSatisfy { $0[0] % 5 != $0[1] % 5 })
    }

    @Test("Pairs of the door are of different sites, without what changes nothing, and mostly of one role")
    func door() throws {
        let campaign = try MutationCampaign(scenarios: MutationScenario.all.filter { $0.name == "first" })
        let sample = campaign.pairs(count: 200, seed: 3)
        #expect(sample.pairs.count == 200 && sample.available > 200)
        for (first, second) in sample.pairs {
            #expect(first.site != second.site)
            for (mutation, site) in [first, second] {
                #expect(mutation.isAt(site))
                #expect(!EquivalentMutant.all.contains { $0.isOf(site) && $0.operator == mutation.operator })
            }
        }
        #expect(sample.pairs.count { $0.first.site.role == $0.second.site.role } >= 100)
        let again = campaign.pairs(count: 200, seed: 3)
        for (one, other) in zip(sample.pairs, again.pairs) {
            #expect(one.first.mutation.description == other.first.mutation.description)
            #expect(one.second.mutation.description == other.second.mutation.description)
        }
    }

    // MARK: Both parts are on

    private static let (early, late) = (
        SourceSite(file: "Pair.swift", line: 1), SourceSite(file: "Pair.swift", line: 2)
    )

    private static func drop(_ site: SourceSite, _ effect: MediumMutation.Operator = .dropDrain)
        -> MediumMutation
    {
        MediumMutation(kind: .drain, role: .writer, site: site, operator: effect, period: 1)
    }

    /// A store behind which stand two fences: what is pending in the end, and how often each mutation has struck.
    private static func storeAndFenceTwice(
        _ mutations: [MediumMutation], after: Int = 0
    ) -> (pending: Int, strikes: [Int]) {
        let memory = SimulatedMemory(byteCount: 4096)
        memory.mutations = mutations
        let word: [UInt64] = [42]
        unsafe word.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            unsafe memory.copyIn(0, start, 8, role: .writer, site: .none)
        }
        memory.drain(role: .writer, site: early)
        memory.drain(role: .writer, site: late)
        for _ in 0..<after { memory.flush(0, 8, role: .writer, site: .none) }
        return (memory.units.count, memory.blows.map(\.strikes))
    }

    @Test("One of two fences can be left out; both together lose the store")
    func neededTogether() {
        #expect(Self.storeAndFenceTwice([]).pending == 0)
        #expect(Self.storeAndFenceTwice([Self.drop(Self.early)]) == (0, [1]))
        #expect(Self.storeAndFenceTwice([Self.drop(Self.late)]) == (0, [0]))
        #expect(Self.storeAndFenceTwice([Self.drop(Self.early), Self.drop(Self.late)]) == (1, [1, 1]))
        #expect(Self.storeAndFenceTwice([Self.drop(Self.late), Self.drop(Self.early)]) == (1, [1, 1]))
    }

    @Test("Of two late fences each takes effect behind the call after it")
    func bothLate() {
        let pair = [Self.drop(Self.early, .lateDrain), Self.drop(Self.late, .lateDrain)]
        #expect(Self.storeAndFenceTwice(pair) == (1, [1, 1]))
        #expect(Self.storeAndFenceTwice(pair, after: 1) == (0, [1, 1]))
    }

    @Test("The campaign runs both parts, also within recovery, and something notices")
    func campaign() throws {
        let scenarios = MutationScenario.all.filter { $0.name == "first" }
        let campaign = try MutationCampaign(scenarios: scenarios)
        let pair = [
            MediumMutation(
                kind: .drain, role: .checkpointer, site: nil, operator: .duplicateDrain, period: 1),
            MediumMutation(
                kind: .copyIn, role: .checkpointer, site: nil, operator: .duplicateStore, period: 1),
        ]
        let outcome = campaign.outcome(pair)
        #expect(outcome.result == .killed && outcome.killer == .cost)
        #expect(outcome.strikes.count == 2 && outcome.strikes.allSatisfy { $0 > 0 })
        #expect(campaign.outcome([]).killer == nil, "a mutant has stayed on")
    }

    @Test("Of a hundred pairs 95 must be killed")
    func score() {
        for killed in [94, 95, 100] {
            var score = PairScore(available: 1000)
            for number in 0..<100 { score.enter(milliseconds: number, isKilled: number < killed) }
            #expect(score.isEnough == (killed >= 95))
            #expect(score.summary.hasPrefix("pairs: 100 of 1000, \(killed) killed (\(killed).0 %), median "))
            #expect(score.summary.hasSuffix("\(100 - killed) open"))
        }
    }
}
