internal import CPmem
internal import PmemStore

/// A structure of a store's image, by the place where it begins.
enum FuzzStructure: Hashable {
    case superblock(Int), tableBlock(Int), bitmap(Int), node(Int), logEntry(Int), record(Int)

    var offset: Int {
        switch self {
        case .superblock(let offset), .tableBlock(let offset), .bitmap(let offset), .node(let offset),
            .logEntry(let offset), .record(let offset):
            offset
        }
    }

    /// How many bytes of it are worth changing.
    var byteCount: Int {
        switch self {
        case .superblock: 320
        case .tableBlock: 512
        case .bitmap: 128
        case .node: NodeLayout.byteCount
        case .logEntry: 512
        case .record: 256
        }
    }
}

/// A small store with everything in it, as a process that was killed leaves it: the state that inputs start from.
@safe final class FuzzImage: @unchecked Sendable {
    /// Where the word lies that names a structure, and what it is a part of.
    struct Reference {
        let word: Int
        let owner: FuzzStructure
    }

    static let shared = FuzzImage()

    let memory = FuzzMemory(byteCount: Int(FuzzStore.layout.byteCount))
    /// By kind, in address order.
    private(set) var structures: [[FuzzStructure]] = [[], [], [], [], [], []]
    private(set) var references: [FuzzStructure: [Reference]] = [:]

    private init() {
        FuzzStore.format(memory)
        do throws(StoreError) {
            try Self.fill(memory)
        } catch {
            preconditionFailure("the image cannot be made: \(error)")
        }
        memory.settle()
        findSuperblocks()
        findLogEntries()
        findTables()
        findNodes()
    }

    private static func fill(_ memory: FuzzMemory) throws(StoreError) {
        let store = try FuzzStore(memory)
        for number in 0..<12 {
            try store.write { (store) throws(StoreError) in
                for step in 0..<40 { try put(number * 40 + step, store) }
            }
        }
        try store.engine.checkpoint()
        try store.write { (store) throws(StoreError) in
            for number in stride(from: 0, to: 480, by: 7) {
                _ = try store.delete(key(number), table: table(number))
            }
        }
        try store.engine.checkpoint()
        for number in 480..<500 {
            try store.write { (store) throws(StoreError) in
                try put(number, store)
                _ = try store.delete(key(number - 300), table: table(number - 300))
            }
        }
    }

    private static func put(_ number: Int, _ store: FuzzStore) throws(StoreError) {
        let count = number % 61 == 0 ? 50_000 : number % 90
        try store.put(value(number, count), key(number), table: table(number))
    }

    static func table(_ number: Int) -> UInt32 { UInt32(number % 10 == 0 ? 2 : 1) }

    /// Short keys, long keys, and keys that share a long beginning.
    static func key(_ number: Int) -> [UInt8] {
        switch number % 5 {
        case 0: Array("a key with a beginning that many share \(number)".utf8)
        case 1: [UInt8(number & 0xff), UInt8(number >> 8)]
        case 2: Array("\(number)".utf8) + [UInt8](repeating: UInt8(number & 0xff), count: 300)
        default: Array("\(number * 7919)".utf8)
        }
    }

    private static func value(_ number: Int, _ count: Int) -> [UInt8] {
        [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: count)
    }

    // MARK: What is where

    private func add(_ structure: FuzzStructure, kind: Int) { structures[kind].append(structure) }

    private func name(_ target: FuzzStructure, word: Int, in owner: FuzzStructure) {
        references[target, default: []].append(Reference(word: word, owner: owner))
    }

    private func findSuperblocks() {
        for parity in [UInt64(0), 1] {
            let place = Int(Superblock.offset(generation: parity))
            let superblock = FuzzStructure.superblock(place)
            add(superblock, kind: 0)
            let root = memory.load(place + 56, as: UInt64.self)
            name(.node(Int(NodeReference(raw: root).offset)), word: place + 56, in: superblock)
        }
    }

    private func findLogEntries() {
        let start = Int(FuzzStore.layout.logOffset)
        for place in stride(from: start, to: start + Int(FuzzStore.layout.logBytes), by: 64) {
            let head = memory.load(place, as: cpm_log_entry.self)
            guard head.magic == UInt16(CPM_LOG_MAGIC) else { continue }
            let entry = FuzzStructure.logEntry(place)
            add(entry, kind: 4)
            guard head.flags & UInt16(CPM_LOG_SPILLED | CPM_LOG_PAD) == 0 else { continue }
            for index in 0..<Int(head.operationCount) {
                let word = place + 24 + index * 24
                let record = Int(memory.load(word, as: UInt64.self) & PlaceBits.offset)
                add(.record(record), kind: 5)
                name(.record(record), word: word, in: entry)
            }
        }
    }

    private func findTables() {
        let layout = FuzzStore.layout
        for copy in 0..<(2 * layout.tableBlockCount) {
            let place = Int(layout.chunkTableOffset) + copy * 512
            if memory.load(place, as: UInt64.self) == CPM_TABLE_MAGIC { add(.tableBlock(place), kind: 1) }
        }
    }

    private func findNodes() {
        for place in stride(from: Int(FuzzStore.layout.reservedBytes), to: memory.byteCount - 1024, by: 64) {
            if memory.load(place, as: UInt32.self) == CPM_BITMAP_MAGIC { add(.bitmap(place), kind: 2) }
            let node = memory.load(place, as: cpm_node.self)
            guard node.magic == UInt16(CPM_NODE_MAGIC), node.place == UInt64(place) else { continue }
            add(.node(place), kind: 3)
            enterReferences(of: node, at: place)
        }
    }

    private func enterReferences(of node: cpm_node, at place: Int) {
        let isLeaf = node.level == 0
        let isCatalog = node.flags & UInt8(CPM_NODE_CATALOG) != 0
        let start = place + (isLeaf ? NodeLayout.leafReferences : NodeLayout.innerReferences)
        for index in 0..<Int(node.count) {
            let word = start + 8 * index
            let target = Int(memory.load(word, as: UInt64.self) & PlaceBits.offset)
            if isLeaf && !isCatalog {
                add(.record(target), kind: 5)
                name(.record(target), word: word, in: .node(place))
            } else {
                name(.node(target), word: word, in: .node(place))
            }
        }
    }
}
