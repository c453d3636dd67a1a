/// Compares what a store holds with what it should hold, and the space that its trees reach with the space that is
/// taken, in both directions.
///
/// Meant to run for every crash image, so it keeps its memory.
@safe package final class StateAudit {
    /// Lines at which something reachable starts, by the number of the audit.
    private let reached: UnsafeMutablePointer<UInt32>
    private let lineCount: Int
    private var number: UInt32 = 0
    /// What reading has thrown in the last audit.
    private(set) var error: StoreError?
    /// Where the last audit has failed without that: the first record that a verified read refuses.
    private(set) var rot: StoreError?
    /// Every pair is looked up, before any is met in order. A typed error does not end that.
    package var looksUpAll = false

    package init(byteCount: Int) {
        lineCount = byteCount >> 6
        unsafe reached = unsafe Virtual.allocate(UInt32.self, count: lineCount)
    }

    deinit { unsafe Virtual.deallocate(reached, count: lineCount) }

    /// What is wrong; nil when nothing is.
    package func failure(_ store: SimulatedStore, _ expected: ExpectedState) -> String? {
        failure(
            store.engine.space, root: store.engine.readers.newestRoot, writer: store.engine.writerPlace,
            expected)
    }

    func failure(
        _ space: NodeSpace<SimulatedMedium>, root: UInt64, writer: WriterPlace<SimulatedMedium>,
        _ expected: ExpectedState
    ) -> String? {
        number &+= 1
        (error, rot) = (nil, nil)
        var walk = unsafe StateWalk(
            space: space, writer: writer, expected: expected, reached: reached, lineCount: lineCount,
            number: number, looksUpAll: looksUpAll)
        do throws(StoreError) {
            let failure = try walk.failure(NodeReference(raw: root))
            if failure != nil { rot = firstRefusal(NodeReference(raw: root), space) }
            return failure
        } catch {
            self.error = error
            return "reading failed: \(error)"
        }
    }

    /// Reads every record, whatever the order.
    private func firstRefusal(_ root: NodeReference, _ space: NodeSpace<SimulatedMedium>) -> StoreError? {
        do throws(StoreError) {
            try readAll(root, space)
            return nil
        } catch {
            return error
        }
    }

    private func readAll(
        _ reference: NodeReference, _ space: NodeSpace<SimulatedMedium>
    ) throws(StoreError) {
        if reference.isNone { return }
        let node = try space.node(reference)
        for index in 0..<node.count {
            if !node.isLeaf {
                try unsafe readAll(NodeReference(raw: node.children[index]), space)
            } else if node.isCatalog {
                try unsafe readAll(NodeReference(raw: node.records[index]), space)
            } else {
                _ = try unsafe space.value(node.records[index])
            }
        }
    }
}
