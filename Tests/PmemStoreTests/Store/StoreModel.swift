@testable internal import PmemStore

/// What a store must hold: a dictionary for each table. A value, so that a version is kept by copying it.
struct StoreModel: Equatable, Sendable {
    static let main = ""

    var tables: [String: [[UInt8]: [UInt8]]] = [StoreModel.main: [:]]

    /// The pairs of a table between two bounds, in order.
    func pairs(in table: String, from lower: [UInt8]? = nil, to upper: [UInt8]? = nil) -> [Pair] {
        let inside = (tables[table] ?? [:]).filter { key, _ in
            if let lower, key.lexicographicallyPrecedes(lower) { return false }
            if let upper { return key.lexicographicallyPrecedes(upper) }
            return true
        }
        return inside.map { Pair(key: $0.key, value: $0.value) }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) }
    }

    var names: [String] { tables.keys.filter { $0 != Self.main }.sorted() }
}

extension ReadableTransaction where Self: ~Copyable & ~Escapable {
    /// The table that the model calls by this name.
    borrowing func modelTable(_ name: String) throws -> Table {
        name == StoreModel.main ? .main : try table(named: name)
    }

    /// Everything that can be read, as the model has it.
    borrowing func everything() throws -> StoreModel {
        var model = StoreModel()
        for name in [StoreModel.main] + (try tableNames()) {
            var pairs: [[UInt8]: [UInt8]] = [:]
            try forEach(in: try modelTable(name)) { key, value in
                pairs[key.array] = value.array
                return true
            }
            model.tables[name] = pairs
        }
        return model
    }

    /// The pairs of a range as the store lists them.
    borrowing func list(
        _ name: String, from lower: [UInt8]?, to upper: [UInt8]?, reversed: Bool
    ) throws -> [Pair] {
        var pairs: [Pair] = []
        try forEach(in: try modelTable(name), from: lower, to: upper, reversed: reversed) { key, value in
            pairs.append(Pair(key: key.array, value: value.array))
            return true
        }
        return pairs
    }
}
