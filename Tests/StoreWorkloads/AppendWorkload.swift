public import PmemStore
internal import PmemStoreTesting

/// Threads that append to lists and read them, and write down what they did: a history that can be judged.
///
/// Each element is appended once, ever. A counter that every transaction raises gives the serial order.
///
/// Lines: `b NAME BEGUN NUMBER OPERATIONS` stands before a commit, `c NAME ENDED` after it, `a NAME` before a rollback,
/// `r NAME BEGUN ENDED NUMBER OPERATIONS` after a read. Operations are `KEY+ELEMENT` and `KEY=ELEMENT.ELEMENT`.
public struct AppendWorkload: Sendable {
    /// Number of lists.
    public static let listCount = 6
    private static let ballastKeys: UInt64 = 40

    /// Where the threads write their ledgers.
    public let ledgerDirectory: String
    /// Which process of the history this is.
    public let process: UInt64
    /// Lists of one generation are judged together.
    public let generation: UInt64
    /// Chooses what the threads do.
    public let seed: UInt64
    /// Called after each acknowledge, by the thread that got it.
    public var afterCommit: @Sendable () -> Void = {}

    /// A workload that does nothing yet.
    public init(ledgerDirectory: String, process: UInt64, generation: UInt64, seed: UInt64) {
        self.ledgerDirectory = ledgerDirectory
        self.process = process
        self.generation = generation
        self.seed = seed
    }

    /// A small store, so that checkpoints and growth happen soon.
    public static var options: StoreOptions {
        var options = StoreOptions()
        options.acceptsVolatileMedium = true
        options.initialBytes = 8 << 20
        options.logBytes = 64 << 10
        options.recoveryTimeTargetNanoseconds = 1_000_000
        return options
    }

    /// Runs writers, readers and snapshot readers until each has done so many transactions.
    public func run(_ store: Store, writers: Int, readers: Int, transactions: Int) {
        let threads = (0..<(writers + readers)).map { thread in
            WorkloadThread {
                var worker = Worker(self, store, thread: UInt64(thread))
                for _ in 0..<transactions {
                    if thread < writers { worker.write() } else { worker.read(bySnapshot: thread % 2 == 0) }
                }
            }
        }
        for thread in threads { thread.join() }
    }

    /// All lists in one read, as a line of the ledger.
    public func recordFinalRead(_ store: Store) {
        var worker = Worker(self, store, thread: 99)
        worker.readAll()
    }

    // MARK: Keys and values

    static func key(_ generation: UInt64, _ list: Int) -> [UInt8] { Array("list \(generation) \(list)".utf8) }
    static func counterKey(_ generation: UInt64) -> [UInt8] { Array("counter \(generation)".utf8) }
    static func ballastKey(_ number: UInt64) -> [UInt8] { Array("ballast \(number % ballastKeys)".utf8) }

    /// A value that shows by itself whether it is whole. Some are large enough for an extent of their own.
    static func ballast(_ name: UInt64) -> [UInt8] {
        let count = name % 13 == 0 ? 40_000 : Int(name % 900)
        return words([name]) + [UInt8](repeating: UInt8(truncatingIfNeeded: name &* 37), count: count)
    }

    static func words(_ numbers: [UInt64]) -> [UInt8] {
        numbers.flatMap { number in (0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) } }
    }

    static func numbers(_ bytes: [UInt8]) -> [UInt64] {
        stride(from: 0, to: bytes.count - bytes.count % 8, by: 8).map { start in
            (0..<8).reduce(0) { $0 | UInt64(bytes[start + $1]) << ($1 * 8) }
        }
    }

    /// Names of ballast values that are not what was put.
    public static func damagedBallast(_ store: Store) throws -> [UInt64] {
        try store.read { tx in
            var damaged: [UInt64] = []
            for number in 0..<ballastKeys {
                guard let value = try tx.get(ballastKey(number)) else { continue }
                let name = numbers(Array(value.prefix(8))).first ?? 0
                if value != ballast(name) { damaged.append(number) }
            }
            return damaged
        }
    }
}

/// One thread of the workload.
private struct Worker {
    private struct RolledBack: Error {}

    let workload: AppendWorkload
    let store: Store
    let thread: UInt64
    let ledger: LedgerFile
    var random: SeededGenerator
    var count: UInt64 = 0

    init(_ workload: AppendWorkload, _ store: Store, thread: UInt64) {
        self.workload = workload
        self.store = store
        self.thread = thread
        ledger = LedgerFile(
            "\(workload.ledgerDirectory)/\(workload.generation).\(workload.process).\(thread)")
        random = SeededGenerator(seed: workload.seed &* 1009 &+ thread)
    }

    private mutating func nextName() -> UInt64 {
        count += 1
        return (workload.process * 100 + thread) * 1_000_000 + count * 4
    }

    private mutating func someLists() -> [Int] {
        (0..<Int.random(in: 1...3, using: &random)).map { _ in
            Int.random(in: 0..<AppendWorkload.listCount, using: &random)
        }
    }

    mutating func write() {
        let name = nextName()
        let begun = now()
        let lists = someLists()
        let isRolledBack = Int.random(in: 0..<8, using: &random) == 0
        do {
            try store.write { tx in
                try apply(name, begun, lists, &tx)
                guard isRolledBack else { return }
                ledger.write("a \(name)")
                throw RolledBack()
            }
            ledger.write("c \(name) \(now())")
            workload.afterCommit()
        } catch is RolledBack {
        } catch {
            preconditionFailure("a write failed: \(error)")
        }
    }

    private func apply(
        _ name: UInt64, _ begun: UInt64, _ lists: [Int], _ tx: inout WriteTransaction
    ) throws {
        let generation = workload.generation
        let counter = AppendWorkload.counterKey(generation)
        let number = AppendWorkload.numbers(try tx.get(counter) ?? []).first ?? 0
        var operations: [String] = []
        for (index, list) in lists.enumerated() {
            let key = AppendWorkload.key(generation, list)
            var elements = AppendWorkload.numbers(try tx.get(key) ?? [])
            operations.append(Self.text(list, elements))
            elements.append(name + UInt64(index))
            try tx.put(AppendWorkload.words(elements), forKey: key)
            operations.append("\(list)+\(name + UInt64(index))")
        }
        try tx.put(AppendWorkload.ballast(name), forKey: AppendWorkload.ballastKey(number))
        if number % 7 == 0 { try tx.delete(AppendWorkload.ballastKey(number / 7)) }
        try tx.put(AppendWorkload.words([number + 1]), forKey: counter)
        ledger.write("b \(name) \(begun) \(number + 1) " + operations.joined(separator: " "))
    }

    mutating func read(bySnapshot: Bool) {
        let name = nextName()
        let lists = someLists()
        let begun = now()
        do {
            if bySnapshot {
                try store.snapshot().read { tx in try record(name, begun, lists, tx) }
            } else {
                try store.read { tx in try record(name, begun, lists, tx) }
            }
        } catch {
            preconditionFailure("a read failed: \(error)")
        }
    }

    mutating func readAll() {
        let name = nextName()
        let begun = now()
        do {
            try store.read { tx in try record(name, begun, Array(0..<AppendWorkload.listCount), tx) }
        } catch {
            preconditionFailure("the last read failed: \(error)")
        }
    }

    private func record(
        _ name: UInt64, _ begun: UInt64, _ lists: [Int], _ tx: borrowing ReadTransaction
    ) throws {
        let counter = try tx.get(AppendWorkload.counterKey(workload.generation)) ?? []
        let number = AppendWorkload.numbers(counter).first ?? 0
        var operations: [String] = []
        for list in lists {
            let value = try tx.get(AppendWorkload.key(workload.generation, list)) ?? []
            operations.append(Self.text(list, AppendWorkload.numbers(value)))
        }
        ledger.write("r \(name) \(begun) \(now()) \(number) " + operations.joined(separator: " "))
    }

    private static func text(_ list: Int, _ elements: [UInt64]) -> String {
        "\(list)=" + elements.map(String.init).joined(separator: ".")
    }
}
