/// What transactions on append-only lists did and saw. Each element is appended once, ever.
struct History {
    enum Operation: Equatable {
        case append(list: Int, element: UInt64)
        case read(list: Int, elements: [UInt64])
    }

    enum Outcome {
        /// It was acknowledged.
        case committed
        /// It was rolled back on purpose.
        case aborted
        /// The process died before it could tell.
        case unknown
    }

    struct Transaction {
        var name: UInt64
        var outcome = Outcome.committed
        /// Nanoseconds on one clock; of an unknown one the end is never.
        var begun: UInt64 = 0
        var ended: UInt64 = .max
        /// Place in the serial order: the transaction's own, of a reader the last that it saw. 0: not known.
        var number: UInt64 = 0
        var operations: [Operation]

        var appends: [(list: Int, element: UInt64)] {
            operations.compactMap {
                if case .append(let list, let element) = $0 { (list, element) } else { nil }
            }
        }

        var isReader: Bool { appends.isEmpty }
    }

    var transactions: [Transaction] = []
}

/// Something that no serialisable execution shows.
struct Anomaly: Equatable, CustomStringConvertible {
    /// Adya's names, and what can be seen without a graph.
    enum Kind: String {
        case dirtyWrite = "G0"
        case abortedRead = "G1a"
        case intermediateRead = "G1b"
        case circularInformationFlow = "G1c"
        case singleAntiDependency = "G-single"
        case antiDependencyCycle = "G2"
        /// An acknowledged append is in no list.
        case lostAppend = "lost append"
        case repeatedElement = "repeated element"
        case unknownElement = "element that nobody appended"
        /// Two reads of a list of which none begins like the other.
        case incompatibleOrder = "incompatible order"
        /// A transaction that does not see its own appends.
        case internalRead = "internal inconsistency"
        /// A transaction does not see the state after those before it in the serial order.
        case serialOrder = "not the serial order"
        /// A transaction comes before one in the serial order that had ended before it began.
        case realTime = "not the real-time order"
    }

    var kind: Kind
    var detail: String

    var description: String { "\(kind.rawValue): \(detail)" }
}
