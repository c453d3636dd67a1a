@testable internal import PmemStore

/// Reads what ``StoreWorkloads/AppendWorkload`` has written down.
extension History {
    /// The history of all ledgers in a directory whose lists are of one generation.
    init(ledgers directory: String, generation: UInt64) throws {
        for name in try DirectoryListing.names(directory).sorted() where name.hasPrefix("\(generation).") {
            let text = String(decoding: bytes(of: directory + "/" + name), as: UTF8.self)
            enter(text)
        }
    }

    /// Enters the lines of one ledger. What follows the last line feed was being written when the process died.
    mutating func enter(_ text: String) {
        var open: [UInt64: Int] = [:]
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            let words = line.split(separator: " ")
            let numbers = words.dropFirst().map { UInt64($0) ?? 0 }
            switch words.first {
            case "b" where words.count > 3:
                open[numbers[0]] = transactions.count
                transactions.append(
                    Transaction(
                        name: numbers[0], outcome: .unknown, begun: numbers[1], number: numbers[2],
                        operations: words.dropFirst(4).map(Self.operation)))
            case "c" where words.count > 2:
                guard let index = open[numbers[0]] else { continue }
                transactions[index].outcome = .committed
                transactions[index].ended = numbers[1]
            case "a":
                if let index = open[numbers[0]] { transactions[index].outcome = .aborted }
            case "r" where words.count > 4:
                transactions.append(
                    Transaction(
                        name: numbers[0], begun: numbers[1], ended: numbers[2], number: numbers[3],
                        operations: words.dropFirst(5).map(Self.operation)))
            default: continue
            }
        }
    }

    private static func operation(_ word: Substring) -> Operation {
        let list = Int(word.prefix { $0.isNumber }) ?? 0
        let rest = word.drop { $0.isNumber }
        if rest.first == "+" { return .append(list: list, element: UInt64(rest.dropFirst()) ?? 0) }
        return .read(list: list, elements: rest.dropFirst().split(separator: ".").map { UInt64($0) ?? 0 })
    }
}
