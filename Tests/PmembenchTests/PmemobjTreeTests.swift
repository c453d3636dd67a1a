import Foundation
import Testing

@testable import pmembench

/// The shape of the B-tree: an opponent that degrades would lose unfairly.
@Suite struct PmemobjTreeTests {
    @Test(arguments: [false, true])
    func survivesEveryOrderOfDeletion(descending: Bool) throws {
        let scratch = try ScratchDirectory()
        let engine = try PmemobjEngine<PmemobjTree>.create(in: scratch.path, options: .small)
        let shape = PairShape(keyBytes: 16, valueBytes: 20)
        var pairs = NumberedPairs(numbers: SequentialNumbers(from: 0), shape: shape)
        try engine.putBatch(2000, from: &pairs)
        #expect(try engine.count() == 2000)
        var buffer = PairBuffer(shape: shape)
        for index in 0..<2000 {
            buffer.setKey(UInt64(descending ? 1999 - index : index))
            let isRemoved = try engine.delete(buffer.key)
            #expect(isRemoved == true)
            if index % 97 == 0 { #expect(try engine.count() == 1999 - index) }
        }
        #expect(try engine.count() == 0)
        engine.close()
    }

    @Test func failedTransactionLeavesNothing() throws {
        let scratch = try ScratchDirectory()
        let pool = try PmemobjPool.create(at: scratch.path + "/pool.obj", byteCount: 16 << 20)
        let tree = PmemobjTree(pool: pool)
        let value = [UInt8](repeating: 1, count: 1000)
        try pool.begin()
        try tree.put([1].bytes, value.bytes)
        pool.commit()
        try pool.begin()
        #expect(throws: BenchmarkFailure.self) {
            for number in 2..<100_000 {
                let key = unsafe withUnsafeBytes(of: number) { unsafe Array($0) }
                try tree.put(key.bytes, value.bytes)
            }
        }
        pool.abort()
        #expect(tree.checkedCount() == 1)
        pool.close()
    }
}
