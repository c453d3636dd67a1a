internal import CPmem

/// Recovers crash images, one after the other, and says what is wrong with each. Keeps its memory.
///
/// Strict: without damage, a report of corruption is a failure too.
package final class CrashImage {
    package let memory: SimulatedMemory
    package let layout: SimulatedLayout
    private let options: StoreOptions
    private let audit: StateAudit
    private let readers = ReaderTable()

    /// - Parameter verifiesRecords: every record that is read is verified, as by the option of that name, and every
    ///   pair is looked up.
    package init(_ memory: SimulatedMemory, layout: SimulatedLayout, verifiesRecords: Bool = false) {
        var options = SimulatedLayout.options
        options.verifiesRecordsOnRead = verifiesRecords
        self.options = options
        self.memory = memory
        self.layout = layout
        audit = StateAudit(byteCount: memory.byteCount)
        audit.looksUpAll = verifiesRecords
    }

    deinit { readers.deallocate() }

    package struct Verdict {
        /// The commit that was found; nil when recovery refused.
        package var commit: UInt64?
        package var failure: String?
        /// Thrown by recovery, or by reading.
        package var error: StoreError?
        /// After a failure without an error: what a verified read of every record refuses.
        package var rot: StoreError?
        /// Where the superblock lies that recovery has chosen.
        package var superblock = 0..<0
        package var recovered: SimulatedLayout.Recovered?
    }

    /// Reads and bytes that recovery may take: the ring twice, and a part for every operation that it can hold.
    private var readLimit: Int { Int(layout.segment.logBytes) / 64 * 3 + 4096 }

    /// Recovers the memory's image and compares it with the state of the commit that was found.
    ///
    /// - Parameter allowed: the states in which the store may be, by commit.
    package func check(allowed: [ExpectedState]) -> Verdict {
        memory.resetReadCount()
        readers.publish(commit: 1, root: 0)
        readers.publish(commit: 0, root: 0)
        let result: Recovery<SimulatedMedium>.Result
        do throws(StoreError) {
            result = try layout.recovery(memory).recover(options: options, readers: readers)
        } catch {
            return Verdict(commit: nil, failure: "recovery refused: \(error)", error: error)
        }
        defer {
            let chunks = result.writer.pointee.heap.chunkCount
            result.writer.deallocate()
            result.verified.deallocate()
            result.map.deallocate(count: chunks)
        }
        let commit = result.writer.pointee.commit
        if memory.isBroken {
            return Verdict(commit: nil, failure: "recovery went on over a page that cannot be read")
        }
        if memory.readCount > readLimit {
            return Verdict(commit: commit, failure: "recovery took \(memory.readCount) reads")
        }
        guard let expected = allowed.first(where: { $0.commit == commit }) else {
            return Verdict(
                commit: commit, failure: "found commit \(commit), not one of \(allowed.map(\.commit))")
        }
        let failure = audit.failure(
            result.writer.pointee.space, root: readers.newestRoot, writer: result.writer, expected)
        return Verdict(
            commit: commit, failure: failure.map { "commit \(commit): \($0)" },
            error: failure == nil ? nil : audit.error, rot: failure == nil ? nil : audit.rot,
            superblock: Self.slot(result.superblock), recovered: SimulatedLayout.Recovered(result))
    }

    private static func slot(_ superblock: cpm_superblock) -> Range<Int> {
        let start = Int(Superblock.offset(generation: superblock.generation))
        return start..<(start + Superblock.slotBytes)
    }

    /// As ``check(allowed:)``, of a store that runs.
    package func check(_ store: SimulatedStore, _ expected: ExpectedState) -> String? {
        audit.failure(store, expected)
    }
}
