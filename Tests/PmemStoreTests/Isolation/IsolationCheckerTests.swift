import Testing

/// The checker itself: histories made by hand, one for each thing that it must name, and some that are right.
@Suite("Isolation: the checker")
struct IsolationCheckerTests {
    private typealias Transaction = History.Transaction

    private static func kinds(_ transactions: [Transaction]) -> Set<Anomaly.Kind> {
        Set(IsolationChecker.check(History(transactions: transactions)).map(\.kind))
    }

    private static func serialKinds(_ transactions: [Transaction]) -> Set<Anomaly.Kind> {
        Set(SerialOrderChecker.check(History(transactions: transactions)).map(\.kind))
    }

    @Test("A serial history is right, and one whose unknown transactions are seen or not")
    func right() {
        let serial = [
            Transaction(name: 1, operations: [.read(list: 0, elements: []), .append(list: 0, element: 10)]),
            Transaction(name: 2, operations: [.append(list: 0, element: 20), .append(list: 1, element: 21)]),
            Transaction(
                name: 3, operations: [.read(list: 0, elements: [10, 20]), .read(list: 1, elements: [21])]),
            Transaction(
                name: 4, outcome: .unknown,
                operations: [.append(list: 0, element: 40), .append(list: 1, element: 41)]),
        ]
        #expect(Self.kinds(serial) == [])
        let seen = Transaction(
            name: 5,
            operations: [.read(list: 0, elements: [10, 20, 40]), .read(list: 1, elements: [21, 41])])
        #expect(Self.kinds(serial + [seen]) == [])
    }

    @Test("G0: two transactions in one order here and in the other there")
    func dirtyWrite() {
        let history = [
            Transaction(name: 1, operations: [.append(list: 0, element: 10), .append(list: 1, element: 11)]),
            Transaction(name: 2, operations: [.append(list: 0, element: 20), .append(list: 1, element: 21)]),
            Transaction(name: 3, operations: [.read(list: 0, elements: [10, 20])]),
            Transaction(name: 4, operations: [.read(list: 1, elements: [21, 11])]),
        ]
        #expect(Self.kinds(history) == [.dirtyWrite])
    }

    @Test("G1a: a read of what was rolled back")
    func abortedRead() {
        let history = [
            Transaction(name: 1, outcome: .aborted, operations: [.append(list: 0, element: 10)]),
            Transaction(name: 2, operations: [.read(list: 0, elements: [10])]),
        ]
        #expect(Self.kinds(history) == [.abortedRead])
    }

    @Test("G1b: a read of a transaction's first append without its second")
    func intermediateRead() {
        let history = [
            Transaction(name: 1, operations: [.append(list: 0, element: 10), .append(list: 0, element: 11)]),
            Transaction(name: 2, operations: [.read(list: 0, elements: [10])]),
        ]
        #expect(Self.kinds(history).contains(.intermediateRead))
    }

    @Test("G1c: each of two transactions has seen the other")
    func circularInformationFlow() {
        let history = [
            Transaction(
                name: 1, operations: [.append(list: 0, element: 10), .read(list: 1, elements: [20])]),
            Transaction(
                name: 2, operations: [.append(list: 1, element: 20), .read(list: 0, elements: [10])]),
        ]
        #expect(Self.kinds(history) == [.circularInformationFlow])
    }

    @Test("G-single: a reader that sees half of a transaction")
    func singleAntiDependency() {
        let history = [
            Transaction(name: 1, operations: [.append(list: 0, element: 10), .append(list: 1, element: 11)]),
            Transaction(
                name: 2, operations: [.read(list: 0, elements: []), .read(list: 1, elements: [11])]),
            Transaction(name: 3, operations: [.read(list: 0, elements: [10])]),
        ]
        #expect(Self.kinds(history) == [.singleAntiDependency])
    }

    @Test("G-single: half of a transaction after a crash, its other half in no list")
    func tornTransaction() {
        let history = [
            Transaction(
                name: 1, outcome: .unknown,
                operations: [.append(list: 0, element: 10), .append(list: 1, element: 11)]),
            Transaction(
                name: 2, operations: [.read(list: 0, elements: []), .read(list: 1, elements: [11])]),
        ]
        #expect(Self.kinds(history) == [.singleAntiDependency])
    }

    @Test("G2: write skew")
    func antiDependencyCycle() {
        let history = [
            Transaction(name: 1, operations: [.read(list: 0, elements: []), .append(list: 1, element: 10)]),
            Transaction(name: 2, operations: [.read(list: 1, elements: []), .append(list: 0, element: 20)]),
            Transaction(
                name: 3, operations: [.read(list: 0, elements: [20]), .read(list: 1, elements: [10])]),
        ]
        #expect(Self.kinds(history) == [.antiDependencyCycle])
    }

    @Test("An acknowledged append that a later read lacks")
    func lostAppend() {
        let history = [
            Transaction(name: 1, begun: 1, ended: 2, operations: [.append(list: 0, element: 10)]),
            Transaction(name: 2, begun: 3, ended: 4, operations: [.read(list: 0, elements: [])]),
        ]
        #expect(Self.kinds(history) == [.lostAppend])
    }

    @Test("Repeated and unknown elements, incompatible orders, own appends not seen")
    func singleReads() {
        let appends = [
            Transaction(name: 1, operations: [.append(list: 0, element: 10)]),
            Transaction(name: 2, operations: [.append(list: 0, element: 20)]),
        ]
        let repeated = Transaction(name: 3, operations: [.read(list: 0, elements: [10, 20, 10])])
        #expect(Self.kinds(appends + [repeated]).contains(.repeatedElement))
        let unknown = Transaction(name: 3, operations: [.read(list: 0, elements: [10, 99, 20])])
        #expect(Self.kinds(appends + [unknown]) == [.unknownElement])
        let orders = [
            Transaction(name: 3, operations: [.read(list: 0, elements: [10, 20])]),
            Transaction(name: 4, operations: [.read(list: 0, elements: [20, 10])]),
        ]
        #expect(Self.kinds(appends + orders).contains(.incompatibleOrder))
        let own = Transaction(
            name: 3, operations: [.append(list: 0, element: 30), .read(list: 0, elements: [10])])
        #expect(Self.kinds(appends + [own]).contains(.internalRead))
    }

    @Test("The serial order: stale reads, gaps and numbers given twice")
    func serialOrder() {
        let first = Transaction(
            name: 1, begun: 1, ended: 2, number: 1, operations: [.append(list: 0, element: 10)])
        let second = Transaction(
            name: 2, begun: 3, ended: 4, number: 2,
            operations: [.read(list: 0, elements: [10]), .append(list: 0, element: 20)])
        #expect(Self.serialKinds([first, second]) == [])
        var stale = second
        stale.operations[0] = .read(list: 0, elements: [])
        #expect(Self.serialKinds([first, stale]) == [.serialOrder])
        #expect(Self.serialKinds([second]).contains(.serialOrder))
        var twin = second
        twin.number = 1
        #expect(Self.serialKinds([first, twin]).contains(.serialOrder))
    }

    @Test("Real time: a read that does not see what was acknowledged before it began")
    func realTime() {
        let write = Transaction(
            name: 1, begun: 1, ended: 2, number: 1, operations: [.append(list: 0, element: 10)])
        let late = Transaction(name: 2, begun: 3, ended: 4, operations: [.read(list: 0, elements: [])])
        #expect(Self.serialKinds([write, late]) == [.realTime])
        let early = Transaction(name: 2, begun: 1, ended: 4, operations: [.read(list: 0, elements: [])])
        #expect(Self.serialKinds([write, early]) == [])
    }

    @Test("A ledger's lines become transactions, a torn last line none")
    func ledger() {
        var history = History()
        history.enter("b 4 100 1 0= 0+4\nc 4 120\nb 8 130 2 0=4 0+8\na 8\nr 12 140 150 1 0=4 1=\nb 16 1")
        #expect(history.transactions.map(\.name) == [4, 8, 12])
        #expect(history.transactions.map(\.outcome) == [.committed, .aborted, .committed])
        #expect(
            history.transactions[0].operations == [
                .read(list: 0, elements: []), .append(list: 0, element: 4),
            ])
        #expect(
            history.transactions[2].operations == [
                .read(list: 0, elements: [4]), .read(list: 1, elements: []),
            ])
    }

    @Test("Ten thousand readers and writers are judged in one pass")
    func large() {
        var transactions: [Transaction] = []
        var elements: [UInt64] = []
        for number in 1...10_000 as ClosedRange<UInt64> {
            if number % 100 == 0 {
                let read = History.Operation.read(list: 0, elements: elements)
                elements.append(number)
                let operations = [read, .append(list: 0, element: number)]
                transactions.append(Transaction(name: number, operations: operations))
            } else {
                let operations = [History.Operation.read(list: 0, elements: elements)]
                transactions.append(Transaction(name: number, operations: operations))
            }
        }
        #expect(Self.kinds(transactions) == [])
    }
}
