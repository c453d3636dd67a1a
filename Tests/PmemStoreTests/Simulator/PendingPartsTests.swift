import Testing

@testable internal import PmemStore
@testable internal import PmemStoreTesting

/// What can arrive of pending stores: nothing that a power cut may leave is left out, and nothing is run twice.
@Suite("Simulator: parts of what was stored")
struct PendingPartsTests {
    /// Stores that are pending, and what is durable beneath them.
    private struct Pending {
        let memory = SimulatedMemory(byteCount: 1 << 16)
        let image: SimulatedMemory

        init(durable: [UInt64]) {
            for (place, word) in durable.enumerated() { memory.setEverywhere(8 * place, word) }
            image = memory.makeChild(isTracking: false)
        }

        func store(_ first: Int, _ words: [UInt64]) { copyIn(first, words, to: memory) }

        private func copyIn(_ first: Int, _ words: [UInt64], to memory: SimulatedMemory) {
            unsafe words.withUnsafeBytes { bytes in
                guard let start = bytes.baseAddress else { return }
                unsafe memory.copyIn(UInt64(8 * first), start, bytes.count, role: .writer, site: .none)
            }
        }

        /// The first words of each future's image, in which somebody has read these ranges of words, each with one
        /// checksum over it or without.
        func futures(reading ranges: [Range<Int>], words: Int, isChecked: Bool = true) -> [[UInt64]] {
            futures(words: words) { for range in ranges { read(range, isChecked: isChecked) } }
        }

        /// The first words of each future's image after a run.
        func futures(words: Int, run: () -> Void) -> [[UInt64]] {
            var futures: [[UInt64]] = []
            image.beginPowerCut()
            repeat {
                image.beginFuture()
                run()
                futures.append((0..<words).map { image.word(8 * $0) })
            } while image.nextFuture()
            return futures
        }

        /// What a run does to its image.
        func read(_ range: Range<Int>, isChecked: Bool = true) {
            image.willRead(8 * range.lowerBound, 8 * range.count, isChecked: isChecked)
        }

        func overwrite(_ first: Int, _ words: [UInt64]) { copyIn(first, words, to: image) }

        /// All images: what a later store covers is there or not, of the others every part.
        func all(words: Int) -> Set<[UInt64]> {
            let groups = memory.groups
            var images: Set<[UInt64]> = [(0..<words).map { memory.durableWord(8 * $0) }]
            for (index, group) in groups.enumerated() {
                let isOverlaid = groups[(index + 1)...].contains {
                    $0.low < group.high && $0.high > group.low
                }
                var next: Set<[UInt64]> = []
                for mask in 0..<(1 << group.count) {
                    if isOverlaid, mask != 0, mask != 1 << group.count - 1 { continue }
                    for var image in images {
                        for place in 0..<group.count where mask >> place & 1 == 1 {
                            let unit = memory.units[group.first + place]
                            image[unit.offset / 8] = unit.value
                        }
                        next.insert(image)
                    }
                }
                images = next
            }
            return images
        }
    }

    /// Words of few values, so that many are what was there before.
    @Test("Stores to one place: every image, and few of them twice")
    func overlaid() {
        for seed in TestPlan.seeds(Array(1...60)) {
            var random = SeededGenerator(seed: seed)
            func words(_ count: Int) -> [UInt64] {
                (0..<count).map { _ in .random(in: 0..<3, using: &random) }
            }
            let pending = Pending(durable: words(16))
            for _ in 0..<Int.random(in: 2...4, using: &random) {
                let count = Int.random(in: 1...5, using: &random)
                pending.store(.random(in: 0...(16 - count), using: &random), words(count))
            }
            // Word by word: nothing is known to be one range.
            let futures = pending.futures(reading: (0..<16).map { $0..<($0 + 1) }, words: 16)
            let images = Set(futures)
            let isSame = images == pending.all(words: 16)
            #expect(isSame, "seed \(seed)")
            #expect(
                futures.count < 2 * images.count, "seed \(seed): \(futures.count), \(images.count) differ")
        }
    }

    @Test("A store over another that has all its words is run whole once")
    func hidden() {
        let pending = Pending(durable: [9, 9, 9, 9, 9, 9])
        pending.store(1, [1, 2, 3])
        pending.store(0, [4, 5, 6, 7, 8])
        let futures = pending.futures(reading: [0..<6], words: 6)
        // Every part of the second with and without the first, but for the whole, which hides it; of the parts that
        // lack the first word, the last or both, it hides three more.
        #expect(futures.count == 2 * 32 - 1)
        #expect(Set(futures) == pending.all(words: 6))
        #expect(Set(futures).count == 2 * 32 - 4)
    }

    @Test("Beside a torn part in the same range a few parts stand for all")
    func torn() {
        let count = PowerCut.exhaustiveLimit
        let pending = Pending(durable: [UInt64](repeating: 0, count: 2 * count))
        pending.store(0, [UInt64](repeating: 1, count: count))
        pending.store(count, [UInt64](repeating: 1, count: count))
        let whole = [UInt64](repeating: 1, count: count)
        let nothing = [UInt64](repeating: 0, count: count)
        let futures = pending.futures(reading: [0..<(2 * count)], words: 2 * count)
        let images = Set(futures)
        #expect(images.count == futures.count)
        for mask in 0..<(1 << count) {
            let part = (0..<count).map { UInt64(mask >> $0 & 1) }
            for other in [whole, nothing] {
                #expect(images.contains(part + other) && images.contains(other + part))
            }
        }
        let parts = 1 << count
        #expect(images.count == 2 * parts + 4 * (parts - 2))
        // Read one after the other, neither says anything about the other.
        let apart = pending.futures(reading: [0..<count, count..<(2 * count)], words: 2 * count)
        #expect(Set(apart).count == parts * parts)
        // Without a checksum over both, the reader may go by one and not by the other.
        let unchecked = pending.futures(reading: [0..<(2 * count)], words: 2 * count, isChecked: false)
        #expect(Set(unchecked).count == parts * parts)
    }

    @Test("What the run itself has stored over is not torn any more")
    func repaired() {
        let count = PowerCut.exhaustiveLimit
        let pending = Pending(durable: [UInt64](repeating: 0, count: 16))
        pending.store(0, [UInt64](repeating: 1, count: count))
        pending.store(8, [UInt64](repeating: 1, count: count))
        let futures = pending.futures(words: 16) {
            pending.read(0..<8, isChecked: false)
            pending.overwrite(0, [UInt64](repeating: 0, count: 8))
            pending.read(0..<16)
        }
        let parts = 1 << count
        #expect(futures.count == parts * parts)
        #expect(Set(futures).count == parts)
    }

    /// Four words of one line and two of the next, and a seventh elsewhere.
    private func twoLines() -> Pending {
        let pending = Pending(durable: [UInt64](repeating: 0, count: 24))
        pending.store(4, [UInt64](repeating: 1, count: 6))
        pending.store(16, [1])
        return pending
    }

    @Test("A part that lacks only what nobody reads of the whole is not run")
    func unread() {
        let pending = twoLines()
        let covered = pending.futures(reading: [4..<9], words: 10)
        #expect(covered.count == 64 - 1)
        #expect(covered.count { $0[4..<9].allSatisfy { $0 == 1 } } == 1)
        #expect(Set(covered).count == covered.count)
        let firstLine = pending.futures(reading: [4..<8], words: 10)
        #expect(firstLine.count == 64 - 3)
    }

    @Test("A part is run where somebody may read what it lacks")
    func readLater() {
        let pending = twoLines()
        #expect(pending.futures(reading: [4..<10], words: 10).count == 64)
        #expect(pending.futures(reading: [4..<9, 9..<10], words: 10).count == 64)
        // Without a checksum, the reader may go by what lies beside.
        #expect(pending.futures(reading: [4..<9], words: 10, isChecked: false).count == 64)
        // Only where the seventh word is missing.
        let apart = pending.futures(words: 24) {
            pending.read(4..<9)
            pending.read(16..<17)
            if pending.image.word(8 * 16) == 0 { pending.read(9..<10) }
        }
        #expect(apart.count == 128)
        #expect(Set(apart).count == 128)
        // A run that stores beside it has the line.
        let beside = pending.futures(words: 24) {
            pending.read(4..<9)
            pending.overwrite(10, [2])
        }
        #expect(beside.count == 64)
    }

    /// Rolled back to a savepoint, the transaction writes its records where others are on their way already, and the
    /// headers there tell of lengths that take in their neighbours. Each of these was a crash point of 200 000 futures
    /// and more, the last one of over a million, and was given up.
    @Test("Slots that are used again before any fence", arguments: zip([65, 72, 688], [3_600, 900, 3_400]))
    func usedAgain(seed: UInt64, least: Int) throws {
        var plan = CrashPlan.flat
        plan.use = 0
        plan.futureLimit = 5_000
        let workload = CrashWorkload.random(seed: seed, steps: 12, model: .lines)
        let run = try workload.makeRun(plan: plan, depth: 1)
        try workload.run(on: run)
        #expect(run.failures.isEmpty, "\(run.failures)")
        #expect(run.explorer.tally.capped == 0)
        #expect(run.explorer.tally.mostFutures > least)
        print("used again, seed \(seed): \(run.explorer.tally)")
    }
}
