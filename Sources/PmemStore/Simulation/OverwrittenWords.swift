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
    var lines: [(line: Int, words: [(place: Int, old: UInt64)])] {
        var newest: [Int: (drain: Int, words: [(place: Int, old: UInt64)])] = [:]
        for (offset, old, drain) in words {
            let line = offset & ~63
            if newest[line]?.drain != drain { newest[line] = (drain, []) }
            newest[line]?.words.append((offset, old))
        }
        return newest.keys.sorted().map { ($0, newest[$0]?.words ?? []) }
    }
}

extension SimulatedMemory {
    /// Of the parent: its newest writes, line by line, and what was there before.
    package var overwrittenLines: [(line: Int, words: [(place: Int, old: UInt64)])] {
        parent?.lostWrites.lines ?? []
    }

    var isRecording: Bool { recording != nil }

    /// From now on the lines are kept that are read.
    package func beginRecording() {
        recording = []
        unsafe reads.pointee.isOpen = true
    }

    /// Offsets of the lines that were read, in order.
    package func endRecording() -> [Int] {
        unsafe reads.pointee.isOpen = false
        defer { recording = nil }
        return Set(recording ?? []).sorted()
    }
}
