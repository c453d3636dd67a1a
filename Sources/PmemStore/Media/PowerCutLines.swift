internal import CPmem
internal import Glibc

/// Carries lines from the memory that the engine works on to files that hold what would survive a power cut.
///
/// The model is that of docs/crash-model.md: after a fence, what its thread has started is durable. Before, any
/// aligned 8-byte unit of it may be, in any order. Chance, from a seed, decides.
@safe package final class PowerCutLines: DeferredWrites, @unchecked Sendable {
    private static let lineBytes: UInt64 = 64
    /// One line in so many is evicted when it is inserted; as often, one that was inserted before.
    private static let evictionRate: UInt64 = 8

    fileprivate struct State {
        var random: UInt64
        var lines: [UInt: [UInt64]] = [:]
    }

    private let volatile: Mapping
    private let durable: Mapping
    private let lostFences: UInt64
    private let state: Locked<State>

    /// - Parameters:
    ///   - volatile: Where the engine stores, private to this process.
    ///   - durable: The same files, shared.
    package init(_ mode: PowerCutMode, volatile: Mapping, durable: Mapping, health: MappingHealth) {
        self.volatile = volatile
        self.durable = durable
        lostFences = mode.lostFences
        state = Locked(State(random: mode.seed))
        super.init(health: health)
    }

    override func insert(_ offset: UInt64, _ byteCount: Int) {
        guard byteCount > 0 else { return }
        let first = offset / Self.lineBytes
        let last = (offset + UInt64(byteCount) - 1) / Self.lineBytes
        let thread = UInt(pthread_self())
        state.withLock { state in
            for line in first...last {
                state.lines[thread, default: []].append(line)
                if state.chance(Self.evictionRate) { evict(line, &state) }
                if state.chance(Self.evictionRate), let other = state.anyLine(of: thread) {
                    evict(other, &state)
                }
            }
        }
    }

    /// Any subset of a line's units, because an eviction may come between any two stores to it.
    private func evict(_ line: UInt64, _ state: inout State) {
        let units = state.next()
        for unit in 0..<UInt64(8) where units >> unit & 1 == 1 { save(line * Self.lineBytes + unit * 8) }
    }

    /// In an order of chance: a kill may come between any two lines.
    override func synchronize(base: UnsafeMutableRawPointer) throws(StoreError) -> UInt64 {
        let thread = UInt(pthread_self())
        state.withLock { state in
            guard var lines = state.lines.removeValue(forKey: thread) else { return }
            if lostFences > 0, state.chance(lostFences) { return }
            state.shuffle(&lines)
            for line in lines {
                for unit in 0..<UInt64(8) { save(line * Self.lineBytes + unit * 8) }
            }
        }
        return 0
    }

    private func save(_ offset: UInt64) {
        unsafe cpm_store8(durable.base + Int(offset), cpm_load8(volatile.base + Int(offset)))
    }
}

extension PowerCutLines.State {
    /// SplitMix64.
    fileprivate mutating func next() -> UInt64 {
        random &+= 0x9e37_79b9_7f4a_7c15
        var word = random
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }

    fileprivate mutating func chance(_ oneIn: UInt64) -> Bool { next() % oneIn == 0 }

    fileprivate mutating func anyLine(of thread: UInt) -> UInt64? {
        let place = next()
        guard let lines = lines[thread], !lines.isEmpty else { return nil }
        return lines[Int(place % UInt64(lines.count))]
    }

    fileprivate mutating func shuffle(_ lines: inout [UInt64]) {
        for place in lines.indices.reversed() {
            lines.swapAt(place, Int(next() % UInt64(place + 1)))
        }
    }
}
