internal import PmemStore

/// Opens an arbitrary image: a valid store, changed as the input says, with its checksums wrong or repaired.
///
/// Whatever is in it, opening, reading and writing give results or a ``StoreError``. They neither trap nor hang, read
/// nothing outside of the store and its margin, and write nothing outside of the store.
public enum ImageFuzz {
    private static let memory = FuzzMemory(byteCount: FuzzImage.shared.memory.byteCount)
    private static let isPrepared: Bool = {
        memory.willWrite(0, memory.byteCount)
        memory.restore(from: FuzzImage.shared.memory)
        return true
    }()

    /// Runs one input. Each edit takes up to 16 bytes of it. One at a time: the memory is shared.
    public static func run(_ bytes: [UInt8]) {
        precondition(isPrepared)
        var input = FuzzInput(bytes)
        var edits = 0
        while !input.isEmpty, edits < 32 {
            edit(&input)
            edits += 1
        }
        use()
        memory.restore(from: FuzzImage.shared.memory)
    }

    private static func edit(_ input: inout FuzzInput) {
        let choice = input.byte()
        let kind = Int(choice & 7)
        let width = 1 << Int(choice >> 4 & 3)
        guard kind < 6, let structure = pick(kind, &input) else {
            let offset = Int(input.word(3)) % memory.byteCount
            memory.write(input.word(width), at: offset, byteCount: width)
            return
        }
        let offset = structure.offset + input.number(below: structure.byteCount)
        let old = load(offset, width)
        switch choice >> 6 {
        case 0: memory.write(input.word(width), at: offset, byteCount: width)
        case 1: memory.write(old ^ input.word(width), at: offset, byteCount: width)
        case 2: memory.write(old &+ UInt64(input.byte()) &- 128, at: offset, byteCount: width)
        default:
            // Another structure's word of the same place: a misdirected write.
            guard let other = pick(kind, &input) else { return }
            memory.write(load(other.offset + offset - structure.offset, 8), at: offset & ~7, byteCount: 8)
        }
        let repair = FuzzRepair(image: FuzzImage.shared, memory: memory)
        if choice & 8 != 0 { repair.repair(structure) }
    }

    private static func pick(_ kind: Int, _ input: inout FuzzInput) -> FuzzStructure? {
        let structures = FuzzImage.shared.structures[kind]
        return structures.isEmpty ? nil : structures[input.number(below: structures.count)]
    }

    private static func load(_ offset: Int, _ width: Int) -> UInt64 {
        (0..<width).reduce(0) { word, index in
            guard offset + index < memory.byteCount else { return word }
            return word | UInt64(memory.load(offset + index, as: UInt8.self)) << UInt64(8 * index)
        }
    }

    // MARK: Use

    private static func use() {
        do throws(StoreError) {
            let store = try FuzzStore(memory)
            attempt { () throws(StoreError) in try read(store) }
            attempt { () throws(StoreError) in try write(store) }
            attempt { () throws(StoreError) in _ = try store.engine.checkpoint() }
            attempt { () throws(StoreError) in try write(store) }
            attempt { () throws(StoreError) in try read(store) }
        } catch {}
    }

    /// One refusal does not end the use.
    private static func attempt(_ body: () throws(StoreError) -> Void) {
        do throws(StoreError) { try body() } catch {}
    }

    private static func read(_ store: FuzzStore) throws(StoreError) {
        for table in [UInt32(0), 1, 2] {
            attempt { () throws(StoreError) in _ = try store.pairs(table, limit: 200_000) }
            attempt { () throws(StoreError) in try store.scanBackward(table, limit: 200_000) }
        }
        for number in stride(from: 0, to: 500, by: 11) {
            attempt { () throws(StoreError) in
                _ = try store.value(FuzzImage.key(number), table: FuzzImage.table(number))
            }
        }
    }

    private static func write(_ store: FuzzStore) throws(StoreError) {
        for number in stride(from: 0, to: 500, by: 29) {
            attempt { () throws(StoreError) in
                try store.write { (store) throws(StoreError) in
                    let key = FuzzImage.key(number)
                    let table = FuzzImage.table(number)
                    if number % 3 == 0 {
                        _ = try store.delete(key, table: table)
                    } else {
                        let count = number % 4 == 0 ? 40_000 : number
                        try store.put([UInt8](repeating: 1, count: count), key, table: table)
                    }
                }
            }
        }
        attempt { () throws(StoreError) in
            try store.write { (store) throws(StoreError) in
                try store.deleteRange(FuzzImage.key(3), FuzzImage.key(300), table: 1)
            }
        }
    }
}
