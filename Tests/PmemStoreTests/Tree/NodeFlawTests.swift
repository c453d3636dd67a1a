internal import CPmem
import Testing

@testable internal import PmemStore
@testable internal import StoreFuzzing

/// Nodes that no engine would have written, with every checksum right up to the superblock: each is an error that names
/// the node, when it is first read.
@Suite("Tree: nodes that could not have been written", .serialized)
struct NodeFlawTests {
    enum Kind: Sendable { case leaf, inner, catalog }

    /// A change of one field.
    struct Change: Sendable, CustomTestStringConvertible {
        let kind: Kind
        let field: String
        let offset: Int
        let byteCount: Int
        let value: UInt64
        /// The child is where it is noticed.
        var isSeenBelow = false

        var testDescription: String { "\(kind): \(field) \(value)" }
    }

    private static func header(_ kind: Kind) -> [Change] {
        [
            Change(kind: kind, field: "place", offset: 24, byteCount: 8, value: 3 << 20),
            Change(kind: kind, field: "flags", offset: 7, byteCount: 1, value: 0x81),
            Change(kind: kind, field: "count", offset: 8, byteCount: 2, value: 0),
            Change(kind: kind, field: "count", offset: 8, byteCount: 2, value: 57),
            Change(kind: kind, field: "prefixBytes", offset: 10, byteCount: 2, value: 60_000),
            Change(kind: kind, field: "level", offset: 6, byteCount: 1, value: 20),
            Change(kind: kind, field: "stamp", offset: 40, byteCount: 8, value: 1),
            Change(kind: kind, field: "pairs", offset: 32, byteCount: 8, value: 1 << 50),
        ]
    }

    private static let leaf: [Change] = [
        Change(kind: .leaf, field: "lines", offset: 12, byteCount: 2, value: 32),
        Change(kind: .leaf, field: "head 3", offset: 64 + 8 * 3, byteCount: 8, value: 0),
        Change(kind: .leaf, field: "reference 1", offset: 512 + 8, byteCount: 8, value: 0),
        Change(kind: .leaf, field: "reference 1", offset: 512 + 8, byteCount: 1, value: 2),
        Change(kind: .leaf, field: "reference 1", offset: 512 + 8, byteCount: 6, value: 0xffff_ffff_ffc0),
    ]

    private static let inner: [Change] = [
        Change(kind: .inner, field: "level", offset: 6, byteCount: 1, value: 2, isSeenBelow: true),
        Change(kind: .inner, field: "heapBytes", offset: 20, byteCount: 4, value: 60_000),
        Change(kind: .inner, field: "heapBytes", offset: 20, byteCount: 4, value: 1),
        Change(kind: .inner, field: "head 0", offset: 64, byteCount: 8, value: 1),
        Change(kind: .inner, field: "head 2", offset: 64 + 16, byteCount: 8, value: 0),
        Change(kind: .inner, field: "child 1", offset: 480 + 8, byteCount: 1, value: 0),
        Change(kind: .inner, field: "length 1", offset: 896 + 1, byteCount: 1, value: 9),
        Change(kind: .inner, field: "length 1", offset: 896 + 1, byteCount: 1, value: 255),
    ]

    private static let catalog: [Change] = [
        Change(kind: .catalog, field: "flags", offset: 7, byteCount: 1, value: 0),
        Change(kind: .catalog, field: "prefixBytes", offset: 10, byteCount: 2, value: 1),
        Change(kind: .catalog, field: "table 1", offset: 64 + 8, byteCount: 8, value: 1),
        Change(kind: .catalog, field: "root 0", offset: 512, byteCount: 1, value: 0),
    ]

    static let changes =
        header(.leaf) + header(.inner) + header(.catalog) + leaf + inner + catalog

    /// The image that fuzzing starts from, and nodes of the trees that its newest checkpoint reaches.
    @safe private struct Ground: @unchecked Sendable {
        static let shared = Result { try Ground() }
        let memory = FuzzMemory(byteCount: FuzzImage.shared.memory.byteCount)
        let offsets: [Kind: UInt64]
        let children: [UInt64]

        init() throws {
            memory.willWrite(0, memory.byteCount)
            memory.restore(from: FuzzImage.shared.memory)
            let store = try FuzzStore(memory)
            defer { withExtendedLifetime(store) {} }
            let superblock = store.engine.checkpointer.superblock
            let space = store.engine.space
            let root = try Catalog.table(1, in: NodeReference(raw: superblock.root), space: space).reference
            let node = try space.node(root)
            #expect(node.level == 1 && node.count > 4)
            children = try (0..<node.count).map { index in
                let reference = unsafe NodeReference(raw: node.children[index])
                return try space.node(reference).count > 4 ? reference.offset : 0
            }
            let leaf = try #require(children.first { $0 != 0 })
            offsets = [
                .catalog: NodeReference(raw: superblock.root).offset, .inner: root.offset, .leaf: leaf,
            ]
            memory.restore(from: FuzzImage.shared.memory)
        }
    }

    @Test("Refused when it is first read", arguments: changes)
    func refused(_ change: Change) throws {
        let ground = try Self.Ground.shared.get()
        defer { ground.memory.restore(from: FuzzImage.shared.memory) }
        let offset = try #require(ground.offsets[change.kind])
        ground.memory.write(change.value, at: Int(offset) + change.offset, byteCount: change.byteCount)
        FuzzRepair(image: FuzzImage.shared, memory: ground.memory).repair(.node(Int(offset)))
        do throws(StoreError) {
            let store = try FuzzStore(ground.memory)
            for table: UInt32 in [0, 1, 2] { _ = try store.pairs(table, limit: 100_000) }
            Issue.record("nobody has noticed")
        } catch .corrupted(let corruption) {
            #expect(corruption.structure == .node)
            let isChild = change.isSeenBelow && ground.children.contains(corruption.offset)
            #expect(corruption.offset == offset || isChild, "\(corruption)")
        } catch {
            Issue.record("\(error)")
        }
    }

    /// What a lost write leaves: the node that was there before, whole.
    @Test(
        "A node that is valid in itself, and not the one that is named, is refused",
        arguments: [Kind.leaf, .inner, .catalog])
    func anotherNode(_ kind: Kind) throws {
        let ground = try Self.Ground.shared.get()
        defer { ground.memory.restore(from: FuzzImage.shared.memory) }
        let offset = Int(try #require(ground.offsets[kind]))
        let epoch = ground.memory.load(offset + 16, as: UInt32.self)
        ground.memory.write(UInt64(epoch) - 1, at: offset + 16, byteCount: 4)
        let seed = Checksum.seed(.node, offset: UInt64(offset))
        let bytes = Int(ground.memory.load(offset + 12, as: UInt16.self)) * 64
        let checksum = unsafe Checksum.of(ground.memory.base + offset + 4, bytes - 4, seed: seed)
        ground.memory.write(UInt64(checksum), at: offset, byteCount: 4)
        do throws(StoreError) {
            let store = try FuzzStore(ground.memory)
            for table: UInt32 in [0, 1, 2] { _ = try store.pairs(table, limit: 100_000) }
            Issue.record("nobody has noticed")
        } catch .corrupted(let corruption) {
            #expect(corruption.structure == .node && corruption.offset == UInt64(offset))
        } catch {
            Issue.record("\(error)")
        }
    }

    @Test("A record whose lengths lead beyond the store is refused")
    func longRecord() throws {
        let memory = FuzzMemory(byteCount: 4 << 20)
        let offset = UInt64(memory.byteCount) - 128
        let checksum: UInt32 = 0x1234_5678
        memory.write(UInt64(checksum), at: Int(offset), byteCount: 4)
        memory.write(40, at: Int(offset) + 8, byteCount: 2)
        let verified = VerifiedNodes(addressBytes: 4 << 20, storeBytes: 4 << 20)
        defer { verified.deallocate() }
        let space = NodeSpace(medium: FuzzMedium(memory), verified: verified)
        let reference = RecordReference(offset: offset, checksum: checksum).raw
        memory.write(76, at: Int(offset) + 10, byteCount: 2)
        #expect(try unsafe space.value(reference).count == 76)
        memory.write(77, at: Int(offset) + 10, byteCount: 2)
        #expect {
            _ = try unsafe space.value(reference).count
        } throws: { error in
            guard case StoreError.corrupted(let corruption) = error else { return false }
            return corruption.structure == .record && corruption.offset == offset
        }
    }
}
