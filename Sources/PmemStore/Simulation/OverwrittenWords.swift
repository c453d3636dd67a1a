/// Words that became durable last, as they were before.
struct OverwrittenWords {
    private var words: [(offset: Int, old: UInt64, drain: Int)] = []
    private static let limit = 2048

    mutating func overwrite(_ offset: Int, _ old: UInt64, drain: Int) {
        if words.count == Self.limit { words.removeFirst(Self.limit / 2) }
        words.append((offset, old, drain))
    }

    mutating func removeAll() { words.removeAll(keepingCapacity: true) }

    /// By line: what its newest write has replaced.
    var lines: [Int: [(place: Int, old: UInt64)]] {
        var newest: [Int: (drain: Int, words: [(place: Int, old: UInt64)])] = [:]
        for (offset, old, drain) in words {
            let line = offset & ~63
            if newest[line]?.drain != drain { newest[line] = (drain, []) }
            // Stored twice before the drain: what was there before both.
            if newest[line]?.words.contains(where: { $0.place == offset }) == true { continue }
            newest[line]?.words.append((offset, old))
        }
        return newest.mapValues(\.words)
    }
}

extension SimulatedMemory {
    /// Of the parent: its newest writes, line by line, and what was there before.
    package var overwrittenLines: [Int: [(place: Int, old: UInt64)]] { parent?.lostWrites.lines ?? [:] }

    /// True where nothing has arrived since the line was drained.
    package func isAsDurable(line: Int) -> Bool {
        guard let parent else { return false }
        return stride(from: line, to: line + 64, by: 8).allSatisfy { word($0) == parent.durableWord($0) }
    }

    /// From now on the lines are kept that are read.
    package func beginRecording() {
        recording = []
        unsafe reads.pointee.isOpen = true
        unsafe reads.pointee.isWatched = true
    }

    /// Offsets of the lines that were read, in order.
    package func endRecording() -> [Int] {
        unsafe reads.pointee.isOpen = false
        unsafe reads.pointee.isWatched = false
        defer { recording = nil }
        return Set(recording ?? []).sorted()
    }

    /// The page at an offset cannot be read any more: whoever does gets zeros, and the mapping is broken from then on,
    /// as the handler of SIGBUS makes it.
    package func poison(page: Int) {
        for place in stride(from: page, to: page + 4096, by: 8) { setEverywhere(place, 0) }
        poisoned = page..<(page + 4096)
        unsafe reads.pointee.isOpen = true
        unsafe reads.pointee.isWatched = true
    }
}
