import PmemStore

/// A durable ring of records on a ``LeasedRegion``: the newest ones are kept, the oldest make room.
///
///     0   head: bytes that have been dropped, ever
///     8   tail: bytes that have been appended, ever
///     64  the ring: records, each a word with its length and then its bytes, padded to whole words
///
/// A record is copied behind the tail first, and counts when the tail has moved, by one word: a crash leaves the ring
/// with the record or without it. A record does not wrap; where it does not fit, a word of ones leads back to the start.
struct RingBuffer {
    private static let headAt = 0
    private static let tailAt = 8
    private static let ringAt = 64
    private static let leap = UInt64.max

    private let region: LeasedRegion

    init(_ region: LeasedRegion) { self.region = region }

    private var capacity: UInt64 { UInt64(region.byteCount - Self.ringAt) & ~7 }

    /// Appends a record; durable when it returns. Two fences, and one for each time that old records make room.
    func append(_ record: [UInt8]) throws {
        let bytes = UInt64(8 + (record.count + 7) & ~7)
        precondition(bytes <= capacity / 2, "a record takes at most half of the ring")
        var tail = try region.load(at: Self.tailAt)
        let left = capacity - tail % capacity
        if left < bytes {
            try makeRoom(left + bytes, tail: tail)
            try region.store(Self.leap, at: place(tail))
            tail += left
        } else {
            try makeRoom(bytes, tail: tail)
        }
        var image = [UInt8](repeating: 0, count: Int(bytes))
        for index in 0..<8 {
            image[index] = UInt8(truncatingIfNeeded: UInt64(record.count) >> (8 * UInt64(index)))
        }
        image.replaceSubrange(8..<(8 + record.count), with: record)
        try region.copy(image, to: place(tail))
        try region.store(tail + bytes, at: Self.tailAt)
    }

    /// The records from the oldest to the newest.
    func records() throws -> [[UInt8]] {
        var found: [[UInt8]] = []
        var head = try region.load(at: Self.headAt)
        let tail = try region.load(at: Self.tailAt)
        while head < tail {
            let length = try region.load(at: place(head))
            if length == Self.leap {
                head += capacity - head % capacity
                continue
            }
            let start = place(head) + 8
            found.append(try region.bytes(in: start..<(start + Int(length))))
            head += 8 + (length + 7) & ~7
        }
        return found
    }

    private func place(_ position: UInt64) -> Int { Self.ringAt + Int(position % capacity) }

    /// Drops the oldest records until so many bytes fit behind the tail.
    private func makeRoom(_ bytes: UInt64, tail: UInt64) throws {
        var head = try region.load(at: Self.headAt)
        let before = head
        while tail + bytes - head > capacity {
            let length = try region.load(at: place(head))
            head += length == Self.leap ? capacity - head % capacity : 8 + (length + 7) & ~7
        }
        if head != before { try region.store(head, at: Self.headAt) }
    }
}
