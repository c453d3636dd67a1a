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
        var steps = (0..<parameters.threads).map {
            TransferStep(
                engine: engine, accounts: UInt64(parameters.keys), seed: self.seed(seed, ofThread: $0),
                shape: shape)
        }
        let result = try measure(engine, &steps, calls: shares(of: parameters.keys))
        try expect(steps.reduce(0) { $0 + $1.wrong }, 0, "accounts that were missing or damaged")
        try expect(sumOfBalances(engine), parameters.keys * Transfer.openingBalance, "sum of all balances")
        return result
    }

    private func sumOfBalances(_ engine: Engine) throws -> Int {
        var buffer = PairBuffer(shape: parameters.shape)
        var sum = BalanceSum()
        for number in 0..<UInt64(parameters.keys) {
            buffer.setKey(number)
            _ = try engine.get(buffer.key, &sum)
        }
        return sum.total
    }
}

/// One transfer between two accounts. A balance is the number behind a value's stamp.
struct TransferStep<Engine: BenchmarkEngine>: WorkStep {
    let engine: Engine
    let kind = OperationKind.transfer
    private(set) var wrong = 0
    private let accounts: UInt64
    private var generator: SeededGenerator
    private var from: PairBuffer
    private var to: PairBuffer
    private var transfer: Transfer

    init(engine: Engine, accounts: UInt64, seed: UInt64, shape: PairShape) {
        self.engine = engine
        self.accounts = accounts
        generator = SeededGenerator(seed: seed)
        from = PairBuffer(shape: shape)
        to = PairBuffer(shape: shape)
        transfer = Transfer(shape: shape)
    }

    mutating func perform() throws {
        let first = generator.below(accounts)
        // Any other account: the second number skips the first.
        let other = generator.below(accounts - 1)
        let second = other < first ? other : other + 1
        from.setKey(first)
        to.setKey(second)
        transfer.begin(from: first, to: second, amount: 1 + Int(generator.below(100)))
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

private struct BalanceSum: ValueVisitor {
    private(set) var total = 0

    mutating func visit(_ value: RawSpan) {
        total += Transfer.balance(value)
    }
}
