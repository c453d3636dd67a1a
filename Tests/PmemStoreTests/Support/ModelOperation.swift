internal import CPmem

@testable internal import PmemStore

/// One step of a transaction, for the model and for the engine alike.
indirect enum ModelOperation {
    case put([UInt8], key: [UInt8], table: UInt32)
    case construct([UInt8], room: Int, key: [UInt8], table: UInt32)
    case delete([UInt8], table: UInt32)
    case deleteRange(low: [UInt8], high: [UInt8]?, table: UInt32)
    case savepoint([ModelOperation], rollsBack: Bool)

    func apply(to model: inout CrashModel) {
        switch self {
        case .put(let value, let key, let table), .construct(let value, _, let key, let table):
            model.put(value, key: key, table: table)
        case .delete(let key, let table): model.delete(key, table: table)
        case .deleteRange(let low, let high, let table): model.deleteRange(low: low, high: high, table: table)
        case .savepoint(let operations, let rollsBack):
            if !rollsBack { for operation in operations { operation.apply(to: &model) } }
        }
    }

    func run<M: Medium>(on engine: Engine<M>) throws {
        switch self {
        case .put(let value, let key, let table):
            try unsafe value.withUnsafeBytes { value in
                try unsafe key.withUnsafeBytes { unsafe try engine.writer.put(value, key: $0, table: table) }
            }
        case .construct(let value, let room, let key, let table):
            try unsafe key.withUnsafeBytes { key in
                try unsafe engine.writer.put(byteCount: room, key: key, table: table) { place in
                    unsafe place.copyBytes(from: value)
                    return value.count
                }
            }
        case .delete(let key, let table):
            _ = try unsafe key.withUnsafeBytes { try unsafe engine.writer.delete($0, table: table) }
        case .deleteRange(let low, let high, let table):
            try unsafe low.withUnsafeBytes { low in
                if let high {
                    _ = try unsafe high.withUnsafeBytes {
                        try unsafe engine.writer.deleteRange(low: low, high: $0, table: table)
                    }
                } else {
                    _ = try unsafe engine.writer.deleteRange(low: low, high: nil, table: table)
                }
            }
        case .savepoint(let operations, let rollsBack):
            let mark = try engine.writer.mark()
            for operation in operations { try operation.run(on: engine) }
            if rollsBack { try engine.writer.rollBack(to: mark) }
        }
    }
}

/// What a workload does with a store.
enum ModelStep {
    case commit([ModelOperation])
    case abort([ModelOperation])
    case checkpoint
    /// A clean close and the next open.
    case reopen
}
