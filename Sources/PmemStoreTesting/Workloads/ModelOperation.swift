package import PmemStore

/// One step of a transaction, for the model and for the engine alike.
package indirect enum ModelOperation: Sendable {
    case put([UInt8], key: [UInt8], table: UInt32)
    case construct([UInt8], room: Int, key: [UInt8], table: UInt32)
    case delete([UInt8], table: UInt32)
    case deleteRange(low: [UInt8], high: [UInt8]?, table: UInt32)
    case savepoint([ModelOperation], rollsBack: Bool)

    package func apply(to model: inout CrashModel) {
        switch self {
        case .put(let value, let key, let table), .construct(let value, _, let key, let table):
            model.put(value, key: key, table: table)
        case .delete(let key, let table): model.delete(key, table: table)
        case .deleteRange(let low, let high, let table): model.deleteRange(low: low, high: high, table: table)
        case .savepoint(let operations, let rollsBack):
            if !rollsBack { for operation in operations { operation.apply(to: &model) } }
        }
    }

    /// Does it in the store's open transaction.
    package func run(on store: SimulatedStore) throws {
        switch self {
        case .put(let value, let key, let table): try store.put(value, key: key, table: table)
        case .construct(let value, let room, let key, let table):
            try store.construct(value, room: room, key: key, table: table)
        case .delete(let key, let table): try store.delete(key, table: table)
        case .deleteRange(let low, let high, let table):
            try store.deleteRange(low: low, high: high, table: table)
        case .savepoint(let operations, let rollsBack):
            try store.savepoint(rollsBack: rollsBack) {
                for operation in operations { try operation.run(on: store) }
            }
        }
    }
}

/// What a workload does with a store.
package enum ModelStep: Sendable {
    case commit([ModelOperation])
    case abort([ModelOperation])
    case checkpoint
    /// A clean close and the next open.
    case reopen
    /// The process is killed, and the next open finds everything that was stored.
    case kill
    /// So many segments at the end hold nothing, and are given back.
    case shrink(segments: Int)
}

extension SimulatedStore {
    /// Runs operations as a transaction up to its commit, or its end, which `body` makes.
    package func transact<R>(_ operations: [ModelOperation], _ body: () throws -> R) throws -> R {
        try transact {
            for operation in operations { try operation.run(on: self) }
            return try body()
        }
    }

    @discardableResult
    package func commit(_ operations: [ModelOperation]) throws -> UInt64 {
        try transact(operations) { try commitTransaction() }
    }

    package func abort(_ operations: [ModelOperation]) throws {
        try transact(operations) { abandon() }
    }
}
