package import CPmem
internal import Glibc

/// One valid entry of the commit log, as recovery reads it.
@safe package struct LogEntryView {
    package let commit: UInt64
    /// Low byte of the generation of the superblock that was the newest durable one when the entry was written.
    package let generation: UInt8
    /// Position behind the entry.
    package let end: UInt64
    package let operations: UnsafeRawPointer
    package let operationCount: Int
    /// The heap extent that holds the operations, when the entry does not.
    package let spill: cpm_log_spill?

    package func operation(_ index: Int) -> cpm_log_operation {
        unsafe operations.loadUnaligned(
            fromByteOffset: index * LogLayout.operationBytes, as: cpm_log_operation.self)
    }
}

/// Reads the commit log from the last checkpoint on.
package struct LogReader<M: Medium> {
    let medium: M
    let start: UInt64
    let capacity: UInt64
    let salt: UInt64
    /// Bytes of the store: nothing an entry names lies beyond.
    let limit: UInt64

    package init(medium: M, start: UInt64, capacity: UInt64, salt: UInt64, limit: UInt64) {
        self.limit = limit
        self.medium = medium
        self.start = start
        self.capacity = capacity
        self.salt = salt
    }

    /// The entry at a position, if it is valid: magic, size, number and checksums of entry and spilled operations.
    ///
    /// Whether the records that it names are complete is for the caller to see.
    package func entry(at position: UInt64, commit: UInt64) -> LogEntryView? {
        guard let head = header(at: position, commit: commit) else { return nil }
        if head.flags & UInt16(CPM_LOG_PAD) != 0 {
            guard position % capacity != 0 else { return nil }
            return entry(at: position + UInt64(head.byteCount), commit: commit)
        }
        let offset = start + position % capacity
        let end = position + UInt64(head.byteCount)
        let body = unsafe medium.read(offset, Int(head.byteCount)) + LogLayout.headerBytes
        let count = Int(head.operationCount)
        let generation = UInt8(head.flags >> 8)
        if head.flags & UInt16(CPM_LOG_SPILLED) == 0 {
            return unsafe LogEntryView(
                commit: commit, generation: generation, end: end, operations: body, operationCount: count,
                spill: nil)
        }
        let spill = unsafe body.loadUnaligned(as: cpm_log_spill.self)
        guard let operations = unsafe spilled(spill, count: count) else { return nil }
        return unsafe LogEntryView(
            commit: commit, generation: generation, end: end, operations: operations, operationCount: count,
            spill: spill)
    }

    private func header(at position: UInt64, commit: UInt64) -> cpm_log_entry? {
        let place = position % capacity
        let offset = start + place
        let head = unsafe medium.read(offset, 64).loadUnaligned(as: cpm_log_entry.self)
        let bytes = UInt64(head.byteCount)
        guard head.magic == UInt16(CPM_LOG_MAGIC), head.commit == commit, bytes >= 64, bytes % 64 == 0,
            bytes <= capacity - place
        else { return nil }
        let isPad = head.flags & UInt16(CPM_LOG_PAD) != 0
        let isSpilled = head.flags & UInt16(CPM_LOG_SPILLED) != 0
        let needed = LogLayout.headerBytes + Int(head.operationCount) * LogLayout.operationBytes
        if !isPad, !isSpilled, needed > bytes { return nil }
        let covered = isPad ? 64 : Int(bytes)
        let address = unsafe medium.readChecked(offset, covered)
        let seed = Checksum.logSeed(salt: salt, commit: commit, offset: offset)
        return unsafe Checksum.of(address + 4, covered - 4, seed: seed) == head.checksum ? head : nil
    }

    private func spilled(_ spill: cpm_log_spill, count: Int) -> UnsafeRawPointer? {
        guard spill.byteCount == UInt64(count * LogLayout.operationBytes), spill.offset % 64 == 0,
            spill.offset <= limit, spill.byteCount <= limit - spill.offset
        else { return nil }
        let bytes = unsafe medium.readChecked(spill.offset, Int(spill.byteCount))
        let seed = Checksum.seed(.logSpill, offset: spill.offset)
        return unsafe Checksum.of(bytes, Int(spill.byteCount), seed: seed) == spill.checksum ? bytes : nil
    }

    /// Looks for a valid entry with a higher number than the first invalid one.
    ///
    /// Commits are serial: an entry is begun only after its predecessor's fence. A later valid entry therefore proves
    /// that what was found invalid is not the torn tail but damage. Reads the ring once.
    package func laterEntry(than commit: UInt64) -> (commit: UInt64, offset: UInt64)? {
        var place: UInt64 = 0
        while place < capacity {
            let offset = start + place
            let head = unsafe medium.read(offset, 64).loadUnaligned(as: cpm_log_entry.self)
            if head.magic == UInt16(CPM_LOG_MAGIC), head.commit > commit,
                header(at: place, commit: head.commit) != nil
            {
                return (head.commit, offset)
            }
            place += 64
        }
        return nil
    }
}
