package import PmemStore

/// Why a state fails: the least that is missing in it, and what that should have preceded.
package struct FailureAnalysis: Sendable, CustomStringConvertible {
    /// A store that has not arrived in the shrunken state.
    package struct Missing: Sendable {
        /// The call; nil where it was made before a kill.
        package let store: SimulatedEvent?
        package let place: String
        /// Flushes and fences that should have made it durable.
        package internal(set) var guards: [(event: SimulatedEvent, place: String)] = []
        /// What it should have preceded: a store that has arrived, or a promise.
        package internal(set) var successor: (event: SimulatedEvent?, place: String)?
    }

    /// The shrunken state.
    package let token: String
    package let failure: String
    package internal(set) var missing: [Missing] = []
    /// Stores that never were on their way.
    package internal(set) var lost: [String] = []

    package var description: String {
        var lines = [failure, "  shrunk: \(token)"]
        for missing in missing {
            lines.append("  not arrived: \(missing.place)")
            if let successor = missing.successor { lines.append("  although before \(successor.place)") }
            for (_, place) in missing.guards { lines.append("    between them: \(place)") }
            if missing.guards.isEmpty { lines.append("    between them: neither flush nor fence") }
        }
        for place in lost { lines.append("  never on its way: \(place)") }
        if missing.isEmpty && lost.isEmpty {
            lines.append("  the same with everything arrived that was stored")
        }
        return lines.joined(separator: "\n")
    }
}

/// Replays a failure, leaves out of what is missing whatever the failure does not need, and names the two sites whose
/// order was violated.
package final class FailureAnalyst {
    private var workload: CrashWorkload
    private let mutation: MediumMutation?
    private let isAudited: Bool
    private let run: CrashRun
    private let sites = SourceSites()

    private struct Trial {
        let failure: CrashFailure
        let path: [CrashStep]
        let decided: [[DecidedGroup]]
        let lost: [Int]
    }

    /// - Parameters:
    ///   - depth: Levels of crashes: steps of the longest path, and one more where that ends within a life.
    ///   - mutation: The fault of the medium with which the failure was found.
    package init(
        _ workload: CrashWorkload, depth: Int = 3, mutation: MediumMutation? = nil, isAudited: Bool = true
    ) throws {
        self.workload = workload
        self.mutation = mutation
        self.isAudited = isAudited
        var plan = CrashPlan.flat
        plan.use = 1
        plan.faults = .max
        run = try workload.makeRun(plan: plan, depth: depth)
        run.explorer.keepJournal()
    }

    /// What fails at the end of a path; nil: nothing does.
    package func replay(_ path: [CrashStep]) throws -> CrashFailure? { try trial(path)?.failure }

    package var tally: CrashTally { run.explorer.tally }

    /// Which stores the failing state holds, and which it lacks.
    package var explanation: [String] { run.explorer.explanation }

    /// Replays and shrinks. nil: nothing fails.
    package func analyse(_ path: [CrashStep]) throws -> FailureAnalysis? {
        guard var best = try trial(path) else { return nil }
        if path.count == 1, path[0].turn == nil { best = try shrinkWorkload(best) }
        for level in best.path.indices.reversed() { best = try shrink(best, level) }
        var analysis = FailureAnalysis(token: best.failure.token, failure: best.failure.text)
        for level in best.path.indices {
            for group in best.decided[level] where group.choice != 0 {
                // The journals are those of the last trial.
                _ = try trial(best.path)
                analysis.missing.append(try explain(group, level, best))
            }
        }
        if let explorer = run.explorer.explorer(level: best.path.count) {
            let event = best.path.last?.event ?? 0
            analysis.lost = Set(best.lost.compactMap { lastStore($0, before: event, explorer) }).sorted()
        }
        return analysis
    }

    private func trial(
        _ path: [CrashStep]?, level: Int = 0, fates: [Int: Int32]? = nil
    ) throws -> Trial? {
        run.explorer.target = path
        run.explorer.tellFates(fates, level: level)
        run.explorer.mutate(mutation, isAudited: isAudited)
        do {
            try workload.run(on: run)
        } catch {
            // The explorer's findings say why.
        }
        guard let failure = run.explorer.failures.first(where: { !$0.token.isEmpty }),
            let token = ReplayToken(failure.token)
        else { return nil }
        return Trial(
            failure: failure, path: token.path, decided: run.explorer.decided, lost: run.explorer.lostLines)
    }

    // MARK: Shrinking

    /// Leaves steps of the workload out, as long as something fails.
    private func shrinkWorkload(_ first: Trial) throws -> Trial {
        let whole = workload
        for shorter in whole.shorter {
            workload = shorter
            guard let trial = try trial(nil), trial.failure.rung == first.failure.rung, trial.path.count == 1
            else { continue }
            return try shrinkWorkload(trial)
        }
        workload = whole
        return first
    }

    private func shrink(_ first: Trial, _ level: Int) throws -> Trial {
        guard first.decided.indices.contains(level) else { return first }
        var best = first
        var fates: [Int: Int32] = [:]
        for group in first.decided[level] where group.choice != 0 { fates[group.index] = group.choice }
        for index in fates.keys.sorted(by: >) {
            var fewer = fates
            fewer[index] = nil
            guard let trial = try trial(best.path, level: level + 1, fates: fewer),
                trial.failure.rung == first.failure.rung
            else { continue }
            (best, fates) = (trial, fewer)
        }
        // A store that is missing whole is easier to understand than one that is missing in part.
        for group in best.decided[level] where group.choice != 0 && group.choice != PowerCut.nothing {
            var whole = fates
            whole[group.index] = PowerCut.nothing
            guard let trial = try trial(best.path, level: level + 1, fates: whole),
                trial.failure.rung == first.failure.rung
            else { continue }
            (best, fates) = (trial, whole)
        }
        return best
    }

    // MARK: Sites

    private func explain(
        _ missing: DecidedGroup, _ level: Int, _ best: Trial
    ) throws -> FailureAnalysis.Missing {
        let group = missing.group
        guard let journal = run.explorer.explorer(level: level + 1)?.journal else {
            return FailureAnalysis.Missing(store: nil, place: "event \(group.event)")
        }
        let end = best.path[level].event
        let store = journal.events.first { (event: SimulatedEvent) -> Bool in
            guard event.number == group.event, event.site == group.site else { return false }
            return event.number < end && event.touches(group.low, group.high)
        }
        let place = "\(group.count) words from \(group.low), stored by the \(group.role) at "
        let begun = store?.number ?? -1
        var result = FailureAnalysis.Missing(
            store: store,
            place: place + (store.map { name($0) } ?? "\(sites.name(group.site)) before the kill"))
        result.successor = try overtaker(missing, level, best, begun: begun, end: end, journal)
        let last = result.successor?.event?.number ?? end
        var fences = 0
        for event in journal.events where event.number > begun && event.number < last {
            let isOwn = store == nil || event.role == group.role
            if event.kind == .flush, event.touches(group.low, group.high) {
                result.guards.append((event, "flush at \(name(event))"))
            } else if event.kind == .drain, isOwn, fences < 2 {
                fences += 1
                result.guards.append((event, "fence at \(name(event))"))
            }
        }
        return result
    }

    /// A store that was made later and has arrived, without which nothing fails; else what was promised meanwhile.
    private func overtaker(
        _ missing: DecidedGroup, _ level: Int, _ best: Trial, begun: Int, end: Int, _ journal: EventJournal
    ) throws -> (event: SimulatedEvent?, place: String)? {
        var fates: [Int: Int32] = [:]
        for group in best.decided[level] where group.choice != 0 { fates[group.index] = group.choice }
        for arrived in best.decided[level] where arrived.choice == 0 && arrived.group.event > begun {
            guard let event = journal.events.first(where: { $0.number == arrived.group.event }) else {
                continue
            }
            var fewer = fates
            fewer[arrived.index] = PowerCut.nothing
            if try trial(best.path, level: level + 1, fates: fewer) == nil {
                return (event, "the store at \(name(event))")
            }
        }
        return journal.promise(from: begun, to: end).map { (nil, $0) }
    }

    private func lastStore(_ line: Int, before end: Int, _ explorer: CrashExplorer) -> String? {
        let event = explorer.journal?.events.last { (event: SimulatedEvent) -> Bool in
            event.number < end && event.isStore && event.touches(line, line + 64)
        }
        return event.map { "stored by the \($0.role) at \(name($0))" }
    }

    private func name(_ event: SimulatedEvent) -> String {
        "\(sites.name(event.site)) (event \(event.number))"
    }
}

extension SimulatedEvent {
    fileprivate var isStore: Bool { kind == .copyIn || kind == .store8 || kind == .construct }

    fileprivate func touches(_ low: Int, _ high: Int) -> Bool { offset < high && offset + byteCount > low }
}
