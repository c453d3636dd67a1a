internal import CPmem
import Testing

@testable internal import PmemStore

@Suite("Node reclaimer")
struct NodeReclaimerTests {
    @Test("What a pin can see waits for it; what is younger is freed at once")
    func pinHoldsBackWhatItSees() {
        let readers = ReaderTable()
        defer { readers.deallocate() }
        var pool = NodePool()
        var reclaimer = NodeReclaimer(readers: readers)
        readers.publish(commit: 5, root: 0)
        let pin = readers.pinForCheckpoint()
        let seen = node(born: 3, &pool)
        let younger = node(born: 6, &pool)

        readers.publish(commit: 7, root: 0)
        reclaimer.retire(seen, dead: 7)
        reclaimer.retire(younger, dead: 7)
        reclaimer.reclaim(into: &pool, dead: 7)
        #expect(pool.blocksInUse == 1)

        readers.unpin(pin)
        readers.publish(commit: 8, root: 0)
        reclaimer.reclaim(into: &pool, dead: 8)
        #expect(pool.blocksInUse == 0)
    }

    @Test("A pin that outlives many commits holds back only the nodes of its own; all come back in the end")
    func longReader() throws {
        let readers = ReaderTable()
        defer { readers.deallocate() }
        var pool = NodePool()
        var reclaimer = NodeReclaimer(readers: readers)
        let old = (0..<1000).map { _ in node(born: 1, &pool) }
        readers.publish(commit: 1, root: 0)
        let pin = try readers.pin()
        for (index, old) in old.enumerated() {
            let commit = UInt64(index) + 2
            let passing = node(born: commit - 1, &pool)
            readers.publish(commit: commit, root: 0)
            reclaimer.retire(old, dead: commit)
            if commit > 2 { reclaimer.retire(passing, dead: commit) } else { pool.release(passing) }
            reclaimer.reclaim(into: &pool, dead: commit)
            #expect(pool.blocksInUse == 1000)
        }
        readers.unpin(pin)
        for commit in UInt64(2000)..<2100 {
            readers.publish(commit: commit, root: 0)
            reclaimer.reclaim(into: &pool, dead: commit)
        }
        #expect(pool.blocksInUse == 0)
    }

    private func node(born: UInt64, _ pool: inout NodePool) -> NodePointer {
        let node = pool.allocate(NodeLayout.byteCount)
        unsafe node.header.pointee.lines = UInt16(NodeLayout.byteCount >> 6)
        unsafe node.header.pointee.born = born
        return node
    }
}
