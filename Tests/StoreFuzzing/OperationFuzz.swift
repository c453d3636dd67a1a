internal import PmemStore

/// A stream of operations on a store and on a model of it, compared as they go.
public enum OperationFuzz {
    private static let tables: [UInt32] = [1, 2]

    /// Runs one input.
    public static func run(_ bytes: [UInt8]) {
        var run = OperationRun()
        do throws(StoreError) {
            var input = FuzzInput(bytes)
            while !input.isEmpty { try run.step(&input) }
            try run.compare()
            try run.reopen()
            try run.compare()
        } catch {
            preconditionFailure("an operation failed: \(error)")
        }
    }

    /// The store and the model at one moment.
    private struct OperationRun {
        private static let fresh: FuzzMemory = {
            let memory = FuzzMemory(byteCount: Int(FuzzStore.layout.byteCount))
            FuzzStore.format(memory)
            memory.settle()
            return memory
        }()
        private static let shared: FuzzMemory = {
            let memory = FuzzMemory(byteCount: fresh.byteCount)
            memory.willWrite(0, memory.byteCount)
            return memory
        }()

        private let memory = Self.shared
        private var store: FuzzStore
        private var model: [UInt32: [[UInt8]: [UInt8]]] = [:]

        init() {
            memory.restore(from: Self.fresh)
            do throws(StoreError) {
                store = try FuzzStore(memory)
            } catch {
                preconditionFailure("an empty store does not open: \(error)")
            }
        }

        mutating func step(_ input: inout FuzzInput) throws(StoreError) {
            let choice = input.byte()
            switch choice % 16 {
            case 0: try store.engine.checkpoint()
            case 1: try reopen()
            case 2: try compare()
            default: try transaction(Int(choice >> 4), &input)
            }
        }

        private mutating func transaction(_ count: Int, _ input: inout FuzzInput) throws(StoreError) {
            var changed = model
            do throws(StoreError) {
                // Copied: the closure may not change what the caller has lent.
                var rest = input
                defer { input = rest }
                try store.write { (store) throws(StoreError) in
                    for _ in 0...count { try Self.operation(store, &changed, &rest) }
                }
                model = changed
            } catch .commit(.full) {
                // Refused as a whole.
            }
        }

        private static func operation(
            _ store: FuzzStore, _ model: inout [UInt32: [[UInt8]: [UInt8]]], _ input: inout FuzzInput
        ) throws(StoreError) {
            let choice = input.byte()
            let table = OperationFuzz.tables[Int(choice & 1)]
            let key = key(&input)
            switch choice >> 1 & 7 {
            case 0:
                let wasThere = model[table]?.removeValue(forKey: key) != nil
                let isFound = try store.delete(key, table: table)
                precondition(isFound == wasThere, "a delete found \(isFound), not \(wasThere)")
            case 1:
                let high = Self.key(&input)
                let isOpen = choice & 16 != 0
                try store.deleteRange(key, isOpen ? nil : high, table: table)
                model[table] = model[table]?.filter {
                    $0.key.lexicographicallyPrecedes(key)
                        || !(isOpen || $0.key.lexicographicallyPrecedes(high))
                }
            case 2:
                let mark = try store.engine.writer.mark()
                var dropped = model
                try operation(store, &dropped, &input)
                try store.engine.writer.rollBack(to: mark)
            default:
                let byte = input.byte()
                let count = choice & 16 != 0 ? Int(byte) * 200 : Int(byte)
                let value = [UInt8](repeating: byte, count: count)
                try store.put(value, key, table: table)
                model[table, default: [:]][key] = value
            }
        }

        /// Few keys, so that they meet; some long, some that begin alike.
        private static func key(_ input: inout FuzzInput) -> [UInt8] {
            let byte = input.byte()
            switch byte >> 6 {
            case 0: return [byte & 15]
            case 1: return Array("a beginning \(byte & 31)".utf8)
            case 2: return [UInt8](repeating: byte & 7, count: Int(input.byte()) * 3)
            default: return Array("key \(byte & 63) \(input.byte())".utf8)
            }
        }

        /// As after a kill: the old engine is gone, the memory is what it was.
        mutating func reopen() throws(StoreError) {
            store = try FuzzStore(memory)
        }

        func compare() throws(StoreError) {
            for table in OperationFuzz.tables {
                let expected = (model[table] ?? [:]).sorted { $0.key.lexicographicallyPrecedes($1.key) }
                let found = try store.pairs(table, limit: expected.count + 1)
                precondition(found.count == expected.count, "\(found.count) pairs, not \(expected.count)")
                for (pair, model) in zip(found, expected) {
                    precondition(pair.key == model.key && pair.value == model.value, "another pair")
                }
            }
        }
    }
}
