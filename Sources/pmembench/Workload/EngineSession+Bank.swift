extension EngineSession {
    /// Transfers between two random accounts, one transaction each. No money may come or go.
    func bank(seed: UInt64) throws -> RoundResult {
        let shape = parameters.shape
        guard shape.valueBytes >= 16, parameters.keys >= 2 else {
            throw BenchmarkFailure(
                .usage, "bank needs --value-size 16 or more, for the balance, and --keys 2 or more")
        }
        let engine = try emptyStore(threads: parameters.threads)
        var accounts = NumberedPairs(
            numbers: SequentialNumbers(from: 0), shape: shape,
            constantVersion: UInt64(Transfer.openingBalance))
        try Self.put(parameters.keys, from: &accounts, into: engine)
        bringMemory(pairs: min(2 * parameters.roundOperations, parameters.keys), caches: false)
        let plans = (0..<parameters.threads).map {
            TransferPlan(accounts: UInt64(parameters.keys), seed: self.seed(seed, ofThread: $0))
        }
        var steps = plans.map { TransferStep(engine: engine, plan: $0, shape: shape) }
        let counts = shares(of: parameters.roundOperations)
        let result = try measure(engine, &steps, calls: counts)
        try expect(steps.reduce(0) { $0 + $1.wrong }, 0, "accounts that were missing or damaged")
        var balances = BalanceCollector(accounts: parameters.keys, shape: shape)
        try expect(readAll(engine, keys: parameters.keys, &balances), parameters.keys, "accounts")
        try expect(
            balances.all.reduce(0, +), parameters.keys * Transfer.openingBalance, "sum of all balances")
        // Transfers commute: whatever came first, the balances are these.
        let expected = Self.balances(after: plans, counts: counts, accounts: parameters.keys)
        try expect(zip(balances.all, expected).count { $0 != $1 }, 0, "accounts with a wrong balance")
        return result
    }

    private static func balances(after plans: [TransferPlan], counts: [Int], accounts: Int) -> [Int] {
        var balances = [Int](repeating: Transfer.openingBalance, count: accounts)
        for (plan, count) in zip(plans, counts) {
            var plan = plan
            for _ in 0..<count {
                let (from, to, amount) = plan.next()
                balances[Int(from)] -= amount
                balances[Int(to)] += amount
            }
        }
        return balances
    }
}

/// Which transfers a thread does.
struct TransferPlan: Sendable {
    private let accounts: UInt64
    private var generator: SeededGenerator

    init(accounts: UInt64, seed: UInt64) {
        self.accounts = accounts
        generator = SeededGenerator(seed: seed)
    }

    mutating func next() -> (from: UInt64, to: UInt64, amount: Int) {
        let first = generator.below(accounts)
        // Any other account: the second number skips the first.
        let other = generator.below(accounts - 1)
        return (first, other < first ? other : other + 1, 1 + Int(generator.below(100)))
    }
}

/// One transfer between two accounts. A balance is the number behind a value's stamp.
struct TransferStep<Engine: BenchmarkEngine>: WorkStep {
    let engine: Engine
    let kind = OperationKind.transfer
    private(set) var wrong = 0
    private var plan: TransferPlan
    private var from: PairBuffer
    private var to: PairBuffer
    private var transfer: Transfer

    init(engine: Engine, plan: TransferPlan, shape: PairShape) {
        self.engine = engine
        self.plan = plan
        from = PairBuffer(shape: shape)
        to = PairBuffer(shape: shape)
        transfer = Transfer(shape: shape)
    }

    mutating func perform() throws {
        let (first, second, amount) = plan.next()
        from.setKey(first)
        to.setKey(second)
        transfer.begin(from: first, to: second, amount: amount)
        if try !Self.change(engine, from, to, &transfer) || !transfer.isRight { wrong += 1 }
    }

    /// Apart from the step: its keys are lent while its transfer changes.
    @inline(__always)
    private static func change(
        _ engine: Engine, _ from: PairBuffer, _ to: PairBuffer, _ transfer: inout Transfer
    ) throws -> Bool {
        try engine.changePair(from.key, to.key, &transfer)
    }
}

/// Moves an amount from the first value to the second. Balances may be negative.
struct Transfer: PairChange {
    static let openingBalance = 1000
    private static let balanceOffset = 8

    /// Both values were what their accounts must hold.
    private(set) var isRight = false
    private let shape: PairShape
    private var numbers: (first: UInt64, second: UInt64) = (0, 0)
    private var amount = 0
    private var values: (first: [UInt8], second: [UInt8])
    private var balances = (first: 0, second: 0)

    init(shape: PairShape) {
        self.shape = shape
        let empty = [UInt8](repeating: 0, count: shape.valueBytes)
        values = (empty, empty)
    }

    mutating func begin(from first: UInt64, to second: UInt64, amount: Int) {
        numbers = (first, second)
        self.amount = amount
        isRight = true
    }

    mutating func seeFirst(_ value: RawSpan) {
        balances.first = see(value, numbers.first)
        if isRight { Self.copy(value, to: &values.first) }
    }

    mutating func seeSecond(_ value: RawSpan) {
        balances.second = see(value, numbers.second)
        if isRight { Self.copy(value, to: &values.second) }
    }

    mutating func apply() {
        Self.setBalance(balances.first - amount, in: &values.first)
        Self.setBalance(balances.second + amount, in: &values.second)
    }

    var first: RawSpan {
        @_lifetime(borrow self) get { unsafe values.first.span.bytes }
    }

    var second: RawSpan {
        @_lifetime(borrow self) get { unsafe values.second.span.bytes }
    }

    private mutating func see(_ value: RawSpan, _ number: UInt64) -> Int {
        guard shape.isValue(value, of: number) else {
            isRight = false
            return 0
        }
        return Self.balance(value)
    }

    static func balance(_ value: RawSpan) -> Int {
        unsafe value.unsafeLoadUnaligned(fromByteOffset: balanceOffset, as: Int.self)
    }

    private static func copy(_ value: RawSpan, to bytes: inout [UInt8]) {
        unsafe bytes.withUnsafeMutableBytes { target in
            unsafe value.withUnsafeBytes { unsafe target.copyMemory(from: $0) }
        }
    }

    private static func setBalance(_ balance: Int, in bytes: inout [UInt8]) {
        unsafe bytes.withUnsafeMutableBytes {
            unsafe $0.storeBytes(of: balance, toByteOffset: balanceOffset, as: Int.self)
        }
    }
}

private struct BalanceCollector: PairVisitor {
    private(set) var all: [Int]
    private let shape: PairShape

    init(accounts: Int, shape: PairShape) {
        all = [Int](repeating: 0, count: accounts)
        self.shape = shape
    }

    mutating func visit(_ key: RawSpan, _ value: RawSpan) {
        let number = shape.number(ofKey: key)
        guard number < UInt64(all.count), shape.isValue(value, of: number) else { return }
        all[Int(number)] = Transfer.balance(value)
    }
}
