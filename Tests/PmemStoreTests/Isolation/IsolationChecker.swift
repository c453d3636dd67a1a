/// Judges a history by its dependency cycles, after Adya and Elle.
///
/// Lists make it cheap: a read tells the order of all versions before it. A transaction whose outcome is not known
/// counts as committed as soon as somebody else sees an element of it. No serial numbers are used.
struct IsolationChecker {
    private struct Writer {
        let index: Int
        /// Whether it is the transaction's last append to the list.
        let isFinal: Bool
    }

    private let transactions: [History.Transaction]
    private var writers: [UInt64: Writer] = [:]
    private var anomalies: [Anomaly] = []
    /// Of each list the longest committed read.
    private var longest: [Int: [UInt64]] = [:]
    private var isCommitted: [Bool] = []

    static func check(_ history: History) -> [Anomaly] {
        var checker = IsolationChecker(transactions: history.transactions)
        return checker.run()
    }

    private init(transactions: [History.Transaction]) { self.transactions = transactions }

    private mutating func run() -> [Anomaly] {
        enterWriters()
        isCommitted = transactions.map { $0.outcome == .committed }
        settleUnknown()
        for (index, transaction) in transactions.enumerated() where isCommitted[index] {
            checkReads(transaction, index)
        }
        findLostAppends()
        classify(graph())
        return anomalies
    }

    private mutating func report(_ kind: Anomaly.Kind, _ detail: String) {
        anomalies.append(Anomaly(kind: kind, detail: detail))
    }

    private mutating func enterWriters() {
        for (index, transaction) in transactions.enumerated() {
            let appends = transaction.appends
            for (place, append) in appends.enumerated() {
                let isFinal = !appends[(place + 1)...].contains { $0.list == append.list }
                let old = writers.updateValue(Writer(index: index, isFinal: isFinal), forKey: append.element)
                if old != nil { report(.repeatedElement, "\(append.element) was appended twice") }
            }
        }
    }

    private mutating func settleUnknown() {
        for transaction in transactions where transaction.outcome == .committed {
            for case .read(_, let elements) in transaction.operations {
                for element in elements {
                    guard let writer = writers[element] else { continue }
                    if transactions[writer.index].outcome == .unknown { isCommitted[writer.index] = true }
                }
            }
        }
    }

    // MARK: What one read shows

    private mutating func checkReads(_ transaction: History.Transaction, _ index: Int) {
        var own: [Int: [UInt64]] = [:]
        for operation in transaction.operations {
            switch operation {
            case .append(let list, let element): own[list, default: []].append(element)
            case .read(let list, let elements):
                let mine = own[list] ?? []
                if !elements.elementsEqual(elements.dropLast(mine.count) + mine) {
                    report(.internalRead, "\(transaction.name) appended \(mine) and read \(elements)")
                }
                checkElements(elements, transaction, index)
                enter(elements, list, transaction)
            }
        }
    }

    private mutating func checkElements(
        _ elements: [UInt64], _ transaction: History.Transaction, _ index: Int
    ) {
        if Set(elements).count < elements.count {
            report(.repeatedElement, "\(transaction.name) read \(elements)")
        }
        for (place, element) in elements.enumerated() {
            guard let writer = writers[element] else {
                report(.unknownElement, "\(transaction.name) read \(element)")
                continue
            }
            if transactions[writer.index].outcome == .aborted {
                report(.abortedRead, "\(transaction.name) read \(element)")
            }
            if place == elements.count - 1, !writer.isFinal, writer.index != index {
                report(.intermediateRead, "\(transaction.name) read \(elements)")
            }
        }
    }

    private mutating func enter(_ elements: [UInt64], _ list: Int, _ transaction: History.Transaction) {
        let known = longest[list] ?? []
        let (short, long) = known.count < elements.count ? (known, elements) : (elements, known)
        guard long.starts(with: short) else {
            report(.incompatibleOrder, "\(transaction.name) read list \(list) as \(elements), not \(known)")
            return
        }
        longest[list] = long
    }

    /// Only where the list was read by somebody who began after the append was acknowledged.
    private mutating func findLostAppends() {
        var lastRead: [Int: UInt64] = [:]
        for transaction in transactions where transaction.outcome == .committed {
            for case .read(let list, _) in transaction.operations {
                lastRead[list] = max(lastRead[list] ?? 0, transaction.begun)
            }
        }
        for transaction in transactions where transaction.outcome == .committed {
            for (list, element) in transaction.appends {
                guard let begun = lastRead[list], begun > transaction.ended else { continue }
                if longest[list]?.contains(element) != true {
                    report(
                        .lostAppend, "\(element), acknowledged by \(transaction.name), is not in list \(list)"
                    )
                }
            }
        }
    }

    // MARK: What they show together

    private func graph() -> DependencyGraph {
        var graph = DependencyGraph(vertexCount: transactions.count)
        let places = longest.mapValues { elements in
            Dictionary(elements.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        }
        for elements in longest.values {
            for (before, after) in zip(elements, elements.dropFirst()) {
                graph.add(writers[before]?.index, writers[after]?.index, .writeWrite)
            }
        }
        // What nobody has read comes after all that somebody has.
        var unread: [Int: [Int]] = [:]
        for (index, transaction) in transactions.enumerated() where isCommitted[index] {
            for (list, element) in transaction.appends where places[list]?[element] == nil {
                unread[list, default: []].append(index)
                graph.add(longest[list]?.last.flatMap { writers[$0]?.index }, index, .writeWrite)
            }
        }
        for (index, transaction) in transactions.enumerated() where isCommitted[index] {
            for case .read(let list, let elements) in transaction.operations {
                addRead(index, elements, longest[list] ?? [], unread[list] ?? [], &graph)
            }
        }
        return graph
    }

    private func addRead(
        _ reader: Int, _ elements: [UInt64], _ all: [UInt64], _ unread: [Int], _ graph: inout DependencyGraph
    ) {
        let others = elements.filter { writers[$0]?.index != reader }
        graph.add(others.last.flatMap { writers[$0]?.index }, reader, .writeRead)
        if let next = all.dropFirst(elements.count).first {
            graph.add(reader, writers[next]?.index, .readWrite)
        } else {
            for writer in unread { graph.add(reader, writer, .readWrite) }
        }
    }

    /// Each cycle by the strongest name that it deserves.
    private mutating func classify(_ graph: DependencyGraph) {
        var explained: Set<Int> = []
        for cycle in graph.cycles([.writeWrite]) {
            explained.formUnion(cycle)
            report(.dirtyWrite, names(cycle))
        }
        for cycle in graph.cycles([.writeWrite, .writeRead]) where explained.isDisjoint(with: cycle) {
            explained.formUnion(cycle)
            report(.circularInformationFlow, names(cycle))
        }
        for cycle in graph.cycles([.writeWrite, .writeRead, .readWrite])
        where explained.isDisjoint(with: cycle) {
            if let single = singleAntiDependency(cycle, graph) {
                report(.singleAntiDependency, single)
            } else {
                report(.antiDependencyCycle, names(cycle))
            }
        }
    }

    private func singleAntiDependency(_ cycle: Set<Int>, _ graph: DependencyGraph) -> String? {
        for edge in graph.edges
        where edge.kind == .readWrite && cycle.contains(edge.source) && cycle.contains(edge.target) {
            guard let way = graph.path(from: edge.target, to: edge.source, [.writeWrite, .writeRead]) else {
                continue
            }
            return "\(transactions[edge.source].name) did not see \(way.map { transactions[$0].name })"
        }
        return nil
    }

    private func names(_ cycle: Set<Int>) -> String {
        "\(cycle.map { transactions[$0].name }.sorted())"
    }
}
