package import PmemStore

/// A run that a token can name: a start state and shapes, or a seed.
package enum CrashWorkload: Sendable, Equatable {
    /// A start state and shapes of ``OperationShapes``; only the last step is crashed.
    case sequence(start: Int, shapes: [Int], model: MediumModel)
    /// So many random steps, or of these only some.
    case random(seed: UInt64, steps: Int, model: MediumModel, kept: [Int]? = nil)

    /// A scenario of several threads, by a schedule.
    case threads(scenario: String, plan: SchedulePlan, model: MediumModel)

    /// A scenario in which the store grows, or so many of its steps.
    case growth(scenario: String, steps: Int, model: MediumModel)

    /// As it stands in tokens: `seq/3/12.18/lines`, `rnd/77/20/pages`, `rnd/77/20-3.11/pages`,
    /// `thr/reader/p12.1/lines`, `grw/shrink/7/lines`.
    package var name: String {
        switch self {
        case .sequence(let start, let shapes, let model):
            "seq/\(start)/\(shapes.map(String.init).joined(separator: "."))/\(model)"
        case .random(let seed, let steps, let model, let kept):
            "rnd/\(seed)/\(steps)"
                + (kept.map { "-" + $0.map(String.init).joined(separator: ".") } ?? "") + "/\(model)"
        case .threads(let scenario, let plan, let model): "thr/\(scenario)/\(plan)/\(model)"
        case .growth(let scenario, let steps, let model): "grw/\(scenario)/\(steps)/\(model)"
        }
    }

    package init?(name: String) {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, let model = MediumModel(rawValue: parts[3]) else { return nil }
        if parts[0] == "seq", let start = Int(parts[1]), start >= 0, start < OperationShapes.startNames.count
        {
            guard let shapes = Self.numbers(parts[2], below: OperationShapes.names.count), !shapes.isEmpty
            else { return nil }
            self = .sequence(start: start, shapes: shapes, model: model)
        } else if parts[0] == "thr", let plan = SchedulePlan(parts[2]),
            ThreadScenario.all.contains(where: { $0.name == parts[1] })
        {
            self = .threads(scenario: parts[1], plan: plan, model: model)
        } else if parts[0] == "grw", let steps = Int(parts[2]),
            let scenario = GrowthScenario.all.first(where: { $0.name == parts[1] }),
            (1...scenario.steps.count).contains(steps)
        {
            self = .growth(scenario: parts[1], steps: steps, model: model)
        } else if parts[0] == "rnd", let seed = UInt64(parts[1]) {
            let counts = parts[2].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            guard let steps = Int(counts[0]), (1...Self.mostSteps).contains(steps) else { return nil }
            var kept: [Int]?
            if counts.count > 1 {
                guard let numbers = Self.numbers(String(counts[1]), below: steps) else { return nil }
                kept = numbers
            }
            self = .random(seed: seed, steps: steps, model: model, kept: kept)
        } else {
            return nil
        }
    }

    /// Of a random workload that a token names: what a slip of the pen asks for never ends.
    private static let mostSteps = 100_000

    /// Numbers joined by points, none at all included; nil where one of them is none, or too large.
    private static func numbers(_ text: String, below limit: Int) -> [Int]? {
        if text.isEmpty { return [] }
        let numbers = text.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        guard numbers.allSatisfy({ (0..<limit).contains($0 ?? -1) }) else { return nil }
        return numbers.compactMap(\.self)
    }

    package var model: MediumModel {
        switch self {
        case .sequence(_, _, let model), .random(_, _, let model, _), .threads(_, _, let model),
            .growth(_, _, let model):
            model
        }
    }

    /// The same without one of its steps, but for the last of a sequence.
    package var shorter: [CrashWorkload] {
        switch self {
        case .threads: return []
        case .growth(let scenario, let steps, let model):
            return steps > 1 ? [.growth(scenario: scenario, steps: steps - 1, model: model)] : []
        case .sequence(let start, let shapes, let model):
            return shapes.indices.dropLast().map { index in
                var fewer = shapes
                fewer.remove(at: index)
                return .sequence(start: start, shapes: fewer, model: model)
            }
        case .random(let seed, let steps, let model, let kept):
            let all = kept ?? Array(0..<steps)
            return all.indices.reversed().map { index in
                var fewer = all
                fewer.remove(at: index)
                return .random(seed: seed, steps: steps, model: model, kept: fewer)
            }
        }
    }

    /// The start state among ``OperationShapes/startNames``.
    package var start: Int {
        if case .sequence(let start, _, _) = self { return start }
        return 0
    }

    private var scenario: ThreadScenario? {
        guard case .threads(let name, _, _) = self else { return nil }
        return ThreadScenario.all.first { $0.name == name }
    }

    private var growth: GrowthScenario? {
        guard case .growth(let name, _, _) = self else { return nil }
        return GrowthScenario.all.first { $0.name == name }
    }

    package func makeRun(plan: CrashPlan, depth: Int) throws -> CrashRun {
        if let growth {
            return try CrashRun(
                start: growth.start, plan: plan, chunks: growth.chunks, growth: growth.growth, model: model,
                context: name, depth: depth)
        }
        if let scenario {
            return try CrashRun(
                start: scenario.start, plan: plan, chunks: scenario.chunks, growth: scenario.growth,
                model: model, context: name, depth: depth)
        }
        return try CrashRun(
            start: OperationShapes.start(start), plan: plan, model: model, context: name, depth: depth,
            leavingInRing: start == 4 ? 100 : nil)
    }

    /// Does the workload on a run that was made for one of the same start state and model.
    package func run(on run: CrashRun) throws {
        switch self {
        case .sequence(let start, let shapes, _):
            // Each sequence has its own chances of being killed.
            let seed = shapes.reduce(UInt64(start)) { 31 * $0 + UInt64($1) }
            try run.restart(seed: seed, context: name)
            try run.quietly {
                for (place, shape) in shapes.dropLast().enumerated() {
                    try run.run(OperationShapes.step(shape, position: place))
                }
            }
            if let last = shapes.last {
                try run.run(OperationShapes.step(last, position: shapes.count - 1))
            }
        case .threads(_, let plan, _):
            guard let scenario else { return }
            try run.restart(seed: 1, context: name)
            _ = try ThreadRun(run, scenario, plan).run()
        case .growth(_, let steps, _):
            try run.restart(seed: 1, context: name)
            for step in growth?.steps.prefix(steps) ?? [] where run.explorer.failures.isEmpty {
                try run.run(step)
            }
        case .random(let seed, let steps, _, let kept):
            try run.restart(seed: seed, context: name)
            var generator = WorkloadGenerator(seed: seed)
            for number in 0..<steps where run.explorer.failures.isEmpty {
                let step = generator.step()
                if kept?.contains(number) ?? true { try run.run(step) }
            }
        }
    }
}
