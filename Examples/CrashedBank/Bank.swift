import PmemStore

/// Accounts in a store. Money is neither made nor lost: that is the invariant.
struct Bank {
    let store: Store
    let accounts = ["alice", "bob", "carol"]

    /// Every account begins with the same sum, all in one transaction.
    func open(with sum: Int) throws {
        try store.write { tx in
            for account in accounts { try tx.put(String(sum), forKey: account) }
        }
    }

    /// Takes from one account and gives to another: one transaction.
    func transfer(_ sum: Int, from payer: String, to payee: String) throws {
        try store.write { tx in
            try tx.put(String(try Self.balance(payer, tx) - sum), forKey: payer)
            try tx.put(String(try Self.balance(payee, tx) + sum), forKey: payee)
        }
    }

    /// The same with a mistake that no test finds which does not crash: two transactions where one was meant.
    func brokenTransfer(_ sum: Int, from payer: String, to payee: String) throws {
        try store.write { tx in try tx.put(String(try Self.balance(payer, tx) - sum), forKey: payer) }
        try store.write { tx in try tx.put(String(try Self.balance(payee, tx) + sum), forKey: payee) }
    }

    /// What all accounts hold together.
    func total() throws -> Int {
        try store.read { tx in try accounts.reduce(0) { try $0 + Self.balance($1, tx) } }
    }

    private static func balance(
        _ account: String, _ tx: borrowing some ReadableTransaction & ~Copyable & ~Escapable
    ) throws -> Int {
        try tx.get(account).flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0
    }
}

/// Money was made or lost.
struct Unbalanced: Error, CustomStringConvertible {
    let total: Int

    var description: String { "the accounts hold \(total) together" }
}
