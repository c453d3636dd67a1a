/// The steps and start states whose short sequences are all run: what a transaction can do, and what it can find.
package enum OperationShapes {
    package static let names = [
        "putNew", "putExisting", "put16New", "put16Existing", "putAndDelete", "deleteExisting",
        "deleteMissing",
        "deleteRange", "deleteAll", "putLarge", "constructShort", "constructLarge", "rolledBackSavepoint",
        "keptSavepoint", "abort", "otherTable", "emptyKeyAndValue", "longKey", "checkpoint", "reopenOrKill",
    ]
    package static let startNames = ["empty", "one", "fullLeaf", "twoLevels", "endOfRing", "severalTables"]

    package static func key(_ number: Int) -> [UInt8] { Array("key \(1000 + number)".utf8) }

    /// The step of a shape. `position` is its place in the sequence: steps of one shape differ.
    package static func step(_ shape: Int, position: Int) -> ModelStep {
        let fill = UInt8(truncatingIfNeeded: 17 * shape + 5 * position)
        func value(_ count: Int) -> [UInt8] { (0..<count).map { fill &+ UInt8(truncatingIfNeeded: $0) } }
        func put(_ number: Int, _ count: Int = 40, table: UInt32 = 1) -> ModelOperation {
            .put(value(count), key: key(number), table: table)
        }
        let new = 500 + 20 * position
        switch shape {
        case 0: return .commit([put(new)])
        case 1: return .commit([put(0, 100)])
        case 2: return .commit((0..<16).map { put(new + $0, 24) })
        case 3: return .commit((0..<16).map { put($0 * 3, 24) })
        case 4: return .commit([put(1), .delete(key(0), table: 1), put(new), .delete(key(40), table: 1)])
        case 5: return .commit([.delete(key(0), table: 1)])
        case 6: return .commit([.delete(Array("nothing".utf8), table: 1), put(0)])
        case 7: return .commit([.deleteRange(low: key(10), high: key(45), table: 1)])
        case 8: return .commit([.deleteRange(low: [], high: nil, table: 1)])
        case 9: return .commit([put(0, 33_000)])
        case 10: return .commit([.construct(value(60), room: 2000, key: key(0), table: 1)])
        case 11: return .commit([.construct(value(5000), room: 5000, key: key(new), table: 1)])
        case 12:
            return .commit([put(new), .savepoint([put(0), .delete(key(1), table: 1)], rollsBack: true)])
        case 13: return .commit([put(new), .savepoint([put(0), put(new, 70)], rollsBack: false)])
        case 14: return .abort([put(new), put(0, 200), .delete(key(1), table: 1)])
        case 15: return .commit([put(0, table: 2), put(new, table: 3), put(0)])
        case 16: return .commit([.put([], key: [], table: 1), .put([], key: key(0), table: 2)])
        case 17: return .commit([.put(value(10), key: value(1500), table: 1)])
        case 18: return .checkpoint
        default: return position % 2 == 0 ? .reopen : .kill
        }
    }

    /// Steps that make a start state from an empty store. The ring's end is reached by the run itself.
    package static func start(_ state: Int) -> [ModelStep] {
        func puts(_ range: Range<Int>, _ count: Int, table: UInt32 = 1) -> ModelStep {
            .commit(
                range.map {
                    .put(
                        [UInt8](repeating: UInt8(truncatingIfNeeded: $0), count: count), key: key($0),
                        table: table)
                })
        }
        switch state {
        case 0: return []
        case 1: return [puts(0..<1, 30)]
        case 2: return [puts(0..<56, 20), .checkpoint]
        case 3: return [puts(0..<150, 16), .checkpoint, puts(100..<110, 20), puts(150..<152, 20)]
        case 4: return [puts(0..<60, 16), .checkpoint]
        default:
            return [
                puts(0..<20, 24), puts(0..<20, 24, table: 2), .checkpoint,
                .commit([.put([UInt8](repeating: 9, count: 33_000), key: key(5), table: 2)]),
                puts(0..<3, 300, table: 3), .kill,
            ]
        }
    }
}
