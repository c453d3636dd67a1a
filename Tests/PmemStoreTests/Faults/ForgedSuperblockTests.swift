internal import CPmem
import Testing

@testable internal import PmemStore
@testable internal import StoreFuzzing

/// Superblocks that no checkpoint would have written, with the checksum right: each is an error at opening.
@Suite("Recovery: superblocks that could not have been written", .serialized)
struct ForgedSuperblockTests {
    struct Forgery: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let change: @Sendable (inout cpm_superblock) -> Void
    }

    private static let size = FuzzStore.layout.byteCount

    static let forgeries = [
        Forgery(testDescription: "a log that ends behind the store") { $0.logBytes = size },
        Forgery(testDescription: "a log that begins behind the store") { $0.logOffset = size },
        Forgery(testDescription: "a log whose end cannot be told") { $0.logBytes = .max & ~63 },
        Forgery(testDescription: "a log of no line") { $0.logBytes = 0 },
        Forgery(testDescription: "a log of half a line more") { $0.logBytes += 32 },
        Forgery(testDescription: "a log in the middle of a line") { $0.logOffset += 8 },
        Forgery(testDescription: "more bytes than the segments have") { $0.byteCount = size + (2 << 20) },
    ]

    @Test("Refused when the store is opened", arguments: forgeries)
    func refused(_ forgery: Forgery) throws {
        let memory = ForgedImage.make()
        for superblock in FuzzImage.shared.structures[0] {
            var fields = memory.load(superblock.offset, as: cpm_superblock.self)
            forgery.change(&fields)
            let bytes = unsafe withUnsafeBytes(of: fields) { unsafe [UInt8]($0) }
            for (index, byte) in bytes.enumerated() {
                memory.write(UInt64(byte), at: superblock.offset + index, byteCount: 1)
            }
            FuzzRepair(image: FuzzImage.shared, memory: memory).repair(superblock)
        }
        let corruption = try #require(try ForgedImage.corruption(memory), "nobody has noticed")
        #expect(corruption.structure == .superblock)
    }
}
