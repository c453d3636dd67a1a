internal import PmemStore

/// Uses a recovered image: recovery again, transactions, checkpoints, a last recovery, all compared.
struct FutureUse {
    private let image: CrashImage

    init(_ image: CrashImage) { self.image = image }

    func failure(from start: (state: ExpectedState, model: CrashModel)) -> String? {
        let before = image.memory.imageHash
        let again = image.check(allowed: [start.state])
        if let failure = again.failure { return "recovered again: \(failure)" }
        if image.memory.imageHash != before { return "a second recovery changed what the first had left" }
        do {
            return try use(start.model)
        } catch {
            return "use after recovery failed: \(error)"
        }
    }

    private func use(_ start: CrashModel) throws -> String? {
        var model = start
        let store = try SimulatedStore(image.memory, layout: image.layout)
        for step in 0..<3 {
            let operations = Self.probe(step, model)
            do {
                try store.commit(operations)
                for operation in operations { operation.apply(to: &model) }
            } catch StoreError.commit(.full) {
                // Nothing must have happened then.
            }
        }
        try store.checkpoint()
        let expected = model.expected(at: store.commit)
        if let failure = image.check(store, expected) { return "after probes: \(failure)" }
        // A checkpoint's own old nodes and the space of its commits are free once it is durable.
        try store.checkpoint()
        let last = try SimulatedStore(image.memory, layout: image.layout)
        if last.commit != store.commit { return "opened again: commit \(last.commit)" }
        if let failure = image.check(last, expected) { return "opened again: \(failure)" }
        return last.structuralFailure()
    }

    private static func probe(_ step: Int, _ model: CrashModel) -> [ModelOperation] {
        let key = Array("probe \(step)".utf8)
        switch step {
        case 0: return [.put([1, 2, 3], key: key, table: 1)]
        case 1:
            guard let first = model.pairs(1).first?.key else { return [.put([], key: key, table: 2)] }
            return [.delete(first, table: 1), .put(key, key: first + [0], table: 2)]
        default: return [.put(Array(repeating: 7, count: 300), key: Array("probe 0".utf8), table: 1)]
        }
    }
}
