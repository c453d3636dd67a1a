internal import CPmem
import Testing

@testable internal import PmemStore
@testable internal import StoreFuzzing

/// Descriptors of chunks that no checkpoint would have written, with every checksum right: each is an error at opening.
@Suite("Space: chunk tables that could not have been written", .serialized)
struct ForgedTableTests {
    /// Descriptors by chunk; the chunks are free in the image.
    struct Forgery: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let descriptors: [Int: UInt64]
        /// The chunk that the error names.
        let culprit: Int
    }

    private static let last = FuzzStore.layout.chunkCount - 1

    static let forgeries = [
        Forgery(testDescription: "a kind that is none", descriptors: [last: 5], culprit: last),
        Forgery(
            testDescription: "a body without a run", descriptors: [last: UInt64(CPM_CHUNK_RUN_BODY)],
            culprit: last),
        Forgery(
            testDescription: "a run of nothing", descriptors: [last: UInt64(CPM_CHUNK_RUN)], culprit: last),
        Forgery(
            testDescription: "a run beyond the store", descriptors: [last: UInt64(CPM_CHUNK_RUN) | 2 << 32],
            culprit: last),
        Forgery(
            testDescription: "a run that is free half way",
            descriptors: [last - 2: UInt64(CPM_CHUNK_RUN) | 3 << 32, last - 1: UInt64(CPM_CHUNK_RUN_BODY)],
            culprit: last),
        Forgery(
            testDescription: "a run in a run",
            descriptors: [last - 1: UInt64(CPM_CHUNK_RUN) | 2 << 32, last: UInt64(CPM_CHUNK_RUN) | 1 << 32],
            culprit: last),
        Forgery(
            testDescription: "more slots in use than there are",
            descriptors: [last: UInt64(CPM_CHUNK_SLAB) | 0xffff << 16], culprit: last),
    ]

    @Test("Refused when the store is opened", arguments: forgeries)
    func refused(_ forgery: Forgery) throws {
        let memory = ForgedImage.make()
        for block in FuzzImage.shared.structures[1] {
            for (chunk, descriptor) in forgery.descriptors {
                memory.write(descriptor, at: block.offset + 64 + 8 * chunk, byteCount: 8)
            }
            FuzzRepair(image: FuzzImage.shared, memory: memory).repair(block)
        }
        let corruption = try #require(try ForgedImage.corruption(memory), "nobody has noticed")
        #expect(corruption.structure == .chunkTable)
        #expect(corruption.offset == UInt64(forgery.culprit) << Space.chunkShift, "\(corruption)")
    }
}
