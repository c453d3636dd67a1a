internal import Glibc
internal import StoreWorkloads
internal import Synchronization
import Testing

@testable internal import PmemStore

/// Readers that pin while commits are published, both as fast as they can: the moments between a reader's look at the
/// newest commit and its claim are met here and nowhere else.
@Suite("Transactions: pins")
struct ReaderTableConcurrentTests {
    private static let commits: UInt64 = 3_000_000

    /// What the writer and the readers share.
    private final class Ground: Sendable {
        let readers = ReaderTable()
        /// What commits before this one saw may be used again.
        let reusable = Atomic<UInt64>(0)
        let isOver = Atomic(false)
        let pins = Atomic<Int>(0)
        let wrongRoots = Atomic<Int>(0)
        let lostPins = Atomic<Int>(0)

        deinit { readers.deallocate() }
    }

    private static func root(_ commit: UInt64) -> UInt64 { commit &* 0x9e37_79b9_7f4a_7c15 }

    @Test("A pin has the root of its commit, and nothing that it sees is used again while it is there")
    func pins() {
        let ground = Ground()
        // Commit 0 is of no store: as a pin it means that there is none.
        ground.readers.publish(commit: 1, root: Self.root(1))
        let threads = (0..<2).map { _ in WorkloadThread { Self.read(ground) } }
        while ground.pins.load(ordering: .relaxed) < 10 { sched_yield() }
        for commit in 2...Self.commits {
            ground.readers.publish(commit: commit, root: Self.root(commit))
            if ground.readers.pins(before: commit).newest == 0 {
                ground.reusable.store(commit, ordering: .releasing)
            }
        }
        ground.isOver.store(true, ordering: .relaxed)
        for thread in threads { thread.join() }
        #expect(ground.wrongRoots.load(ordering: .relaxed) == 0)
        #expect(ground.lostPins.load(ordering: .relaxed) == 0)
        #expect(ground.readers.newestCommit == Self.commits && ground.readers.openCount == 0)
    }

    /// What a reader finds that looked at the newest commit just before the next one was published.
    @Test("A commit keeps its root while its successor is the newest")
    func predecessor() {
        let readers = ReaderTable()
        defer { readers.deallocate() }
        for commit in UInt64(1)...4 {
            readers.publish(commit: commit, root: Self.root(commit))
            #expect(readers.root(of: commit) == Self.root(commit))
            if commit > 1 { #expect(readers.root(of: commit - 1) == Self.root(commit - 1)) }
        }
    }

    private static func read(_ ground: Ground) {
        while !ground.isOver.load(ordering: .relaxed) {
            guard let pin = try? ground.readers.pin() else { return }
            if pin.root != root(pin.commit) { ground.wrongRoots.add(1, ordering: .relaxed) }
            if ground.reusable.load(ordering: .acquiring) > pin.commit {
                ground.lostPins.add(1, ordering: .relaxed)
            }
            ground.readers.unpin(pin)
            ground.pins.add(1, ordering: .relaxed)
        }
    }
}
