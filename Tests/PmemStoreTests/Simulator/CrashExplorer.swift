@testable internal import PmemStore

/// Crashes a running store at every event, in many ways, and recovers each image beside it.
final class CrashExplorer {
    /// How much is explored.
    struct Plan {
        /// Images of each sampled kind for a crash point with more than 8 pending words.
        var sample = 2
        /// Of so many images one is used after recovery: probes, checkpoint, recovery again.
        var thoroughness = 6
        /// Of so many images one is also crashed within its recovery, use and checkpoint. 0: none.
        var nesting = 0
        /// At one of so many events the process is killed instead, and the power is cut later. 0: never.
        var kills = 0
        /// Exploring ends with so many failures.
        var failureLimit = 3
    }

    /// What was explored.
    struct Tally: CustomStringConvertible {
        var events = 0
        var images = 0
        var repeated = 0
        var thorough = 0
        var nested = 0
        var killed = 0
        /// Transactions that the store was too full for.
        var refused = 0

        var description: String {
            "\(images) images at \(events) events (\(repeated) more were equal to one of these), "
                + "\(thorough) used after recovery, \(nested) in nested crashes, \(killed) process kills"
        }

        mutating func add(_ inner: Tally) {
            nested += inner.images + inner.nested
            thorough += inner.thorough
            repeated += inner.repeated
        }
    }

    let memory: SimulatedMemory
    let layout: SimulatedLayout
    var plan: Plan
    private(set) var tally = Tally()
    private(set) var failures: [String] = []
    /// The states that a crash now may leave.
    private(set) var allowed: [UInt64: CrashModel] = [:]
    private var acknowledged: UInt64 = 0
    private let oracle: StoreOracle
    private let probe: SimulatedMemory
    private var random: SeededGenerator
    private var seen: Set<UInt64> = []
    private var inner: CrashExplorer?
    private var context: String

    init(
        _ memory: SimulatedMemory, layout: SimulatedLayout, plan: Plan, seed: UInt64, context: String,
        depth: Int = 0
    ) {
        self.memory = memory
        self.layout = layout
        self.plan = plan
        self.context = context
        oracle = StoreOracle(layout: layout)
        random = SeededGenerator(seed: seed)
        probe = memory.makeChild(isTracking: false)
        if plan.nesting > 0 || plan.kills > 0 {
            var nested = plan
            nested.nesting = 0
            nested.kills = 0
            nested.sample = 1
            inner = CrashExplorer(
                memory.makeChild(isTracking: true), layout: layout, plan: nested, seed: seed ^ 0xdead,
                context: context, depth: depth + 1)
        }
        memory.onEvent = { [unowned self] event in
            if event.kind != .note { explore(event) }
        }
        memory.onNote = { [unowned self] note in noted(note) }
    }

    /// Makes the medium faulty, here and in nested crashes; what recovers an image is not.
    func mutate(_ rule: @escaping (SimulatedEvent, Int) -> MediumMutation.Effect) {
        memory.mutation = MediumMutation(rule)
        inner?.mutate(rule)
    }

    // MARK: What the store is doing

    /// The store holds this and nothing is under way.
    func settle(_ commit: UInt64, _ model: CrashModel) {
        allowed = [commit: model]
        acknowledged = commit
    }

    /// The next commit has begun; a crash may find it.
    func expect(_ commit: UInt64, _ model: CrashModel) { allowed[commit] = model }

    /// Does a step on the store that runs on the explored memory.
    func run(_ step: ModelStep, on store: SimulatedStore) throws {
        guard let model = allowed[acknowledged] else { return }
        switch step {
        case .commit(let operations):
            var next = model
            for operation in operations { operation.apply(to: &next) }
            let number = store.commit
            do {
                let result = try store.transact(operations) {
                    expect(number + 1, next)
                    return try store.engine.writer.commitTransaction()
                }
                settle(result, result == number ? model : next)
            } catch StoreError.commit(.full) {
                tally.refused += 1
                settle(number, model)
            }
            if let difference = allowed[store.commit].flatMap({ oracle.difference(store, $0) }) {
                fail("while running: \(difference)")
            }
        case .abort(let operations):
            do {
                try store.abort(operations)
            } catch StoreError.commit(.full) {
                tally.refused += 1
            }
        case .checkpoint: try store.engine.checkpoint()
        case .reopen: try store.engine.checkpoint(isClosing: true)
        }
    }

    private func noted(_ note: MediumEvent) {
        switch note {
        case .acknowledged(let commit):
            guard let model = allowed[commit] else {
                fail("commit \(commit) was acknowledged, which nobody made")
                return
            }
            settle(commit, model)
            if memory.startedCount > 0 { fail("commit \(commit) was acknowledged before its drain") }
            exploreImages("after the acknowledgement of \(commit)")
        case .checkpointed, .recoveryBegan: break
        case .recoveryEnded: exploreImages("after recovery")
        }
    }

    private func fail(_ text: String) {
        failures.append("\(context): \(text)")
    }

    // MARK: Crashes

    /// Set while steps only lead to where crashes are wanted.
    var isQuiet = false

    private var isExploring: Bool { !isQuiet && !allowed.isEmpty && failures.count < plan.failureLimit }

    /// Among the many records of a large transaction a few stand for all.
    private func isRepresentative(_ event: SimulatedEvent) -> Bool {
        if event.kind != .copyIn || memory.pending.count < 128 || layout.region(event.offset) != .heap {
            return true
        }
        return random.oneIn(memory.pending.count / 64)
    }

    private func explore(_ event: SimulatedEvent) {
        guard isExploring, isRepresentative(event) else { return }
        tally.events += 1
        exploreImages("before \(event)")
        if plan.kills > 0, !memory.pending.isEmpty, random.oneIn(plan.kills) {
            killProcess("before \(event)")
        }
    }

    private func exploreImages(_ place: @autoclosure () -> String) {
        guard isExploring else { return }
        for selection in CrashSelection.images(of: memory.pending, sample: plan.sample, using: &random) {
            guard seen.insert(fingerprint(selection)).inserted else {
                tally.repeated += 1
                continue
            }
            crash(selection, place)
            if !isExploring { return }
        }
    }

    /// Equal for equal images with equal expectations.
    private func fingerprint(_ selection: CrashSelection) -> UInt64 {
        var hash =
            UInt64(memory.durableVersion) &* 0x9e37_79b9_7f4a_7c15 ^ acknowledged << 1 ^ UInt64(allowed.count)
        for (index, unit) in memory.pending.enumerated() where selection.contains(index, unit) {
            var mixer = SeededGenerator(seed: UInt64(unit.offset) ^ unit.value &* 0xff51_afd7_ed55_8ccd)
            hash = hash &+ mixer.next()
        }
        return hash
    }

    private func crash(_ selection: CrashSelection, _ place: () -> String) {
        tally.images += 1
        probe.loadPowerCut(selection)
        let isThorough = tally.images % plan.thoroughness == 0
        if isThorough { tally.thorough += 1 }
        let result = oracle.failure(in: probe, allowed: allowed, isThorough: isThorough)
        if let failure = result.failure { fail("power cut \(place()) with \(selection): \(failure)") }
        if plan.nesting > 0, tally.images % plan.nesting == 0, let commit = result.recovered {
            nest(selection, recovered: commit, place())
        }
    }

    /// Crashes within the recovery of an image, within use after it and within the checkpoint after that.
    private func nest(_ selection: CrashSelection, recovered commit: UInt64, _ place: String) {
        guard let inner, let model = allowed[commit] else { return }
        inner.memory.loadPowerCut(selection)
        inner.live([commit: model], context: "\(context), power cut \(place) with \(selection), then")
        take(inner)
    }

    /// The process is killed: what it stored can be read, and is not durable. Then the power is cut.
    private func killProcess(_ place: String) {
        guard let inner else { return }
        tally.killed += 1
        inner.memory.loadProcessKill()
        inner.live(allowed, context: "\(context), process killed \(place), then")
        take(inner)
    }

    private func take(_ inner: CrashExplorer) {
        tally.add(inner.tally)
        inner.tally = Tally()
        failures += inner.failures
        inner.failures = []
    }

    /// Recovers what the memory holds, commits, and saves, crashing all the while.
    private func live(_ states: [UInt64: CrashModel], context: String) {
        self.context = context
        seen.removeAll(keepingCapacity: true)
        allowed = states
        acknowledged = states.keys.min() ?? 0
        do {
            let store = try SimulatedStore(memory, layout: layout)
            guard let model = states[store.commit] else {
                fail("recovered commit \(store.commit)")
                return
            }
            settle(store.commit, model)
            exploreImages("after recovery")
            for step in Self.steps(model) where isExploring { try run(step, on: store) }
        } catch {
            fail("recovery or use failed: \(error)")
        }
        allowed = [:]
    }

    private static func steps(_ model: CrashModel) -> [ModelStep] {
        let key = Array("nested".utf8)
        let first = model.pairs(1).first?.key ?? key
        return [
            .commit([.put(key, key: first, table: 1)]), .checkpoint,
            .commit([.delete(first, table: 1), .put([], key: key, table: 2)]), .checkpoint,
        ]
    }
}
