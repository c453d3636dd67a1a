/// Replays a history by its serial numbers: every read must be what the transactions before it have made.
///
/// Exact where ``IsolationChecker`` infers, and of strict serialisability: real time counts.
enum SerialOrderChecker {
    static func check(_ history: History) -> [Anomaly] {
        let known = history.transactions.filter { $0.number > 0 || ($0.isReader && $0.outcome == .committed) }
        return replay(known) + realTime(known)
    }

    /// Unknown transactions take part when their number is not anybody else's and somebody later has seen them; a
    /// number that two claim is won by the acknowledged one.
    private static func replay(_ transactions: [History.Transaction]) -> [Anomaly] {
        var anomalies: [Anomaly] = []
        let newest = transactions.filter { $0.outcome == .committed }.map(\.number).max() ?? 0
        let seen = elementsSeen(transactions)
        var writers: [UInt64: History.Transaction] = [:]
        for writer in transactions where !writer.isReader && writer.outcome != .aborted {
            let isSeen = writer.appends.contains { seen.contains($0.element) }
            guard writer.outcome == .committed || (isSeen && writer.number <= newest) else { continue }
            if let other = writers.updateValue(writer, forKey: writer.number) {
                let detail = "\(writer.name) and \(other.name) are both number \(writer.number)"
                anomalies.append(Anomaly(kind: .serialOrder, detail: detail))
            }
        }
        let readers = Dictionary(grouping: transactions.filter(\.isReader), by: \.number)
        var lists: [Int: [UInt64]] = [:]
        for number in 0...newest {
            if let writer = writers[number] {
                anomalies += compare(writer, &lists)
            } else if number > 0 {
                anomalies.append(Anomaly(kind: .serialOrder, detail: "number \(number) is missing"))
            }
            for reader in readers[number] ?? [] { anomalies += compare(reader, &lists) }
        }
        return anomalies
    }

    private static func elementsSeen(_ transactions: [History.Transaction]) -> Set<UInt64> {
        var seen: Set<UInt64> = []
        for transaction in transactions where transaction.outcome == .committed {
            for case .read(_, let elements) in transaction.operations { seen.formUnion(elements) }
        }
        return seen
    }

    private static func compare(
        _ transaction: History.Transaction, _ lists: inout [Int: [UInt64]]
    ) -> [Anomaly] {
        var anomalies: [Anomaly] = []
        for operation in transaction.operations {
            switch operation {
            case .append(let list, let element): lists[list, default: []].append(element)
            case .read(let list, let elements):
                let expected = lists[list] ?? []
                if elements == expected { continue }
                let detail = "\(transaction.name) read list \(list) as \(elements), not \(expected)"
                anomalies.append(Anomaly(kind: .serialOrder, detail: detail))
            }
        }
        return anomalies
    }

    private static func realTime(_ transactions: [History.Transaction]) -> [Anomaly] {
        let ended = transactions.filter { !$0.isReader && $0.outcome == .committed }.sorted {
            $0.ended < $1.ended
        }
        var anomalies: [Anomaly] = []
        var newest: History.Transaction?
        var next = 0
        for transaction in transactions.sorted(by: { $0.begun < $1.begun })
        where transaction.outcome == .committed {
            while next < ended.count, ended[next].ended < transaction.begun {
                if ended[next].number > newest?.number ?? 0 { newest = ended[next] }
                next += 1
            }
            guard let newest, transaction.number < newest.number else { continue }
            let detail = "\(transaction.name) does not see \(newest.name), which had ended before it began"
            anomalies.append(Anomaly(kind: .realTime, detail: detail))
        }
        return anomalies
    }
}
