/// A growing list of words, without reference counts or checks on the hot path.
@safe package struct WordList {
    package private(set) var start: UnsafeMutablePointer<UInt64>
    package private(set) var count = 0
    private var capacity: Int

    package init(capacity: Int = 64) {
        unsafe start = .allocate(capacity: capacity)
        self.capacity = capacity
    }

    package func deallocate() { unsafe start.deallocate() }

    @inline(__always)
    package mutating func append(_ word: UInt64) {
        if count == capacity { grow() }
        unsafe start[count] = word
        count &+= 1
    }

    @inline(__always)
    package subscript(_ index: Int) -> UInt64 { unsafe start[index] }

    @inline(__always)
    package mutating func truncate(to newCount: Int) { count = newCount }

    /// Takes the last word out. Only where there is one.
    @inline(__always)
    package mutating func removeLast() -> UInt64 {
        count &-= 1
        return unsafe start[count]
    }

    /// Takes the last occurrence of a word out, if it is there. O(count).
    package mutating func remove(_ word: UInt64) {
        if let index = (0..<count).last(where: { unsafe start[$0] == word }) {
            unsafe (start + index).update(from: start + index + 1, count: count - index - 1)
            count -= 1
        }
    }

    @inline(never)
    private mutating func grow() {
        let larger = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity * 2)
        unsafe larger.update(from: start, count: count)
        unsafe start.deallocate()
        unsafe start = unsafe larger
        capacity *= 2
    }
}
