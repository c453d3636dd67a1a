internal import Glibc
import Testing

@testable internal import PmemStore

/// Transactions whose contents follow from their number, so that whoever finds a store can tell what must be in it.
enum NumberedCommits {
    private static let counter = Array("counter".utf8)

    /// Small enough that growth and checkpoints happen soon.
    static var options: StoreOptions {
        var options = StoreOptions()
        options.acceptsVolatileMedium = true
        options.initialBytes = 10 << 20
        options.logBytes = 64 << 10
        return options
    }

    static func bytes(_ number: UInt64) -> [UInt8] {
        unsafe withUnsafeBytes(of: number) { unsafe [UInt8]($0) }
    }

    static func number(_ bytes: [UInt8]?) -> UInt64 {
        guard let bytes, bytes.count == 8 else { return 0 }
        return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func key(_ number: UInt64) -> [UInt8] { Array("key \(number % 997)".utf8) }
    private static func value(_ number: UInt64) -> [UInt8] {
        let count = number % 64 == 0 ? 40_000 : Int(number % 700)
        return bytes(number) + [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: count)
    }

    /// The number of the newest transaction.
    static func newest(_ store: Store) throws -> UInt64 {
        try number(store.read { tx in try tx.get(counter) })
    }

    /// Commits transaction `next`.
    static func commit(_ next: UInt64, to store: Store) throws {
        try store.write { tx in
            if next % 5 == 0 { try tx.delete(key(next / 2)) }
            try tx.put(value(next), forKey: key(next))
            try tx.put(bytes(next), forKey: counter)
        }
    }

    /// Compares everything with what the transactions up to the newest have made of it; returns its number.
    static func verify(_ store: Store) throws -> UInt64 {
        let found = try newest(store)
        var model: [[UInt8]: UInt64] = [:]
        for number in 1..<(found + 1) {
            if number % 5 == 0 { model[key(number / 2)] = nil }
            model[key(number)] = number
        }
        try store.read { tx in
            let count = try tx.count()
            #expect(count == model.count + (found > 0 ? 1 : 0))
            for (key, number) in model {
                let read = try tx.get(key)
                #expect(read == value(number))
            }
        }
        return found
    }
}
