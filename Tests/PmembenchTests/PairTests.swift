import Testing

@testable import pmembench

@Suite struct PairTests {
    @Test(arguments: [1, 2, 4, 7, 8, 9, 15, 16, 17, 24, 100], [0, 1, 7, 8, 15, 16, 100])
    func keysSortLikeTheirNumbersAndValuesMatch(keyBytes: Int, valueBytes: Int) {
        let shape = PairShape(keyBytes: keyBytes, valueBytes: valueBytes)
        var buffer = PairBuffer(shape: shape)
        var previous: [UInt8]?
        for number in [UInt64(0), 1, 2, 9, 100, 200, 255] {
            buffer.setPair(number)
            let key = unsafe buffer.key.withUnsafeBytes { unsafe Array($0) }
            #expect(key.count == keyBytes)
            let found = shape.number(ofKey: buffer.key)
            #expect(found == number)
            let isOwn = shape.isValue(buffer.value, of: number)
            let isNext = shape.isValue(buffer.value, of: number + 1)
            #expect(isOwn)
            #expect(!isNext || valueBytes == 0)
            if let previous { #expect(previous.lexicographicallyPrecedes(key)) }
            previous = key
        }
    }

    @Test func blockHoldsTheSameKeysAsTheBuffer() {
        let shape = PairShape(keyBytes: 16, valueBytes: 8)
        var block = KeyBlock(shape: shape, count: 5)
        var buffer = PairBuffer(shape: shape)
        for index in 0..<5 { block.setKey(UInt64(index * 1000), at: index) }
        for index in 0..<5 {
            buffer.setKey(UInt64(index * 1000))
            let isEqual = unsafe block[index].withUnsafeBytes { left in
                unsafe buffer.key.withUnsafeBytes { unsafe left.elementsEqual($0) }
            }
            #expect(isEqual)
        }
    }

    @Test func shuffledSharesCoverEveryNumberOnce() {
        var seen: [UInt64] = []
        var sources = ShuffledNumbers.shares(of: 1000, parts: 3, seed: 7)
        let counts = [333, 333, 334]
        for index in sources.indices {
            for _ in 0..<counts[index] { seen.append(sources[index].next()) }
        }
        #expect(seen != Array(0..<1000))
        #expect(seen.sorted() == Array(0..<1000))
    }

    @Test func scanCheckSeesDisorderAndWrongValues() {
        let shape = PairShape(keyBytes: 8, valueBytes: 8)
        var one = PairBuffer(shape: shape)
        var two = PairBuffer(shape: shape)
        one.setPair(1)
        two.setPair(2)
        var check = ScanCheck(shape: shape)
        check.visit(one.key, one.value)
        check.visit(two.key, two.value)
        #expect((check.right, check.wrong) == (2, 0))
        check.visit(one.key, one.value)
        check.visit(two.key, one.value)
        #expect((check.right, check.wrong) == (2, 2))
    }
}
