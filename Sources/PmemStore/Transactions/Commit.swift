internal import CPmem
internal import Glibc

extension Writer {
    /// Makes the open transaction durable and visible: one fence, whatever its size.
    ///
    /// docs/commit.md argues each crash point by these numbers. Returns the commit's number.
    @inline(__always)
    package mutating func commitTransaction() throws(StoreError) -> UInt64 {
        // 1. Freeze. A transaction without operations costs nothing and leaves nothing.
        if set.count == 0 {
            abandon()
            try medium.requireWhole()
            return commit
        }
        // 2. Validate. With one writer at a time there is nothing that could have changed underneath; but `body` may
        //    have gone on after an error.
        if let failure { throw failure }
        if let reason = poisonReason { throw .commit(.poisoned(reason: reason)) }
        try makeLogRoom()
        // 3. The records are on their way: every put has started its own. Where does the last one go?
        let isFound = set.hasDeferred ? locateDeferred() : false
        let spill = try spillPlace()
        try makeNodeRoom()  // behind the spilled list, which may take what the next checkpoint would need
        do throws(StoreError) {
            // 4. Append the log entry behind them.
            appendEntry(spill)
            // 5. Change the tree while the stores drain. No reader can see these nodes.
            if set.hasDeferred { try applyLast(isFound) }
            try finishTrees()
            // 6. Fence.
            try medium.drain()  // DURABLE HERE
        } catch {
            // The entry may or may not reach the medium now: nothing may be acknowledged any more.
            throw poison(error)
        }
        // 7. Publish root and number; retire what was replaced.
        publish()
        // 8. Wake whoever waits for a threshold.
        if isCheckpointDue { maintenance?.wake(forGrowth: false) }
        if heap.isLow { wakeForSpace() }
        if trees.pool.hasFreshSpare { maintenance?.wake(forGrowth: true) }
        return commit
    }

    /// Gives everything back that the open transaction has taken.
    package mutating func abandon() {
        trees.rollBack(created: 0, replaced: 0)
        for index in 0..<set.births.count { giveBack(set.births[index]) }
        set.clear()
        failure = nil
    }

    /// A slot that the transaction has taken, so that its chunk's bitmap is in memory. Where the heap does not know it,
    /// its books are wrong, and nothing is written any more.
    mutating func giveBack(_ offset: UInt64) {
        do throws(StoreError) {
            try heap.release(offset)
        } catch {
            poisonReason = "a slot cannot be given back: \(error)"
        }
    }

    private mutating func poison(_ error: StoreError) -> StoreError {
        var reason = "commit \(commit + 1) failed half way: \(error)"
        if case .commit(.poisoned(let known)) = error { reason = known }
        poisonReason = reason
        return .commit(.poisoned(reason: reason))
    }

    // MARK: Step 2

    @inline(__always)
    private mutating func makeLogRoom() throws(StoreError) {
        let bytes = entryBytes
        if log.hasRoom(bytes), !pace.isOverdue { return }
        try waitForLog(bytes)
    }

    @inline(never)
    private mutating func waitForLog(_ bytes: Int) throws(StoreError) {
        while !log.hasRoom(bytes) || pace.isOverdue {
            guard let maintenance else { throw .commit(.full(quotaBytes: 0, neededBytes: UInt64(bytes))) }
            try maintenance.makeLogRoom(bytes)
        }
    }

    /// The next checkpoint needs a fresh slot for every dirty node before it can free an old one. A store without them
    /// could not be saved any more, and so could not free anything either.
    @inline(__always)
    private mutating func makeNodeRoom() throws(StoreError) {
        if missingNodeSlots <= 0 { return }
        try waitForNodeRoom()
    }

    /// Node slots that the next checkpoint would lack after this commit, at most: the last put and the catalog may copy
    /// or split two more paths.
    @inline(__always)
    private var missingNodeSlots: Int {
        heap.missingNodeSlots(trees.created.count + 2 * NodeLayout.depthLimit)
    }

    @inline(never)
    private mutating func waitForNodeRoom() throws(StoreError) {
        var attempt = 0
        while missingNodeSlots > 0 {
            let bytes = missingNodeSlots * NodeLayout.byteCount
            guard let maintenance else { throw .commit(.full(quotaBytes: 0, neededBytes: UInt64(bytes))) }
            try maintenance.makeSpace(bytes, attempt: attempt)
            attempt += 1
        }
    }

    /// Size of the entry that this transaction needs; one line when its operations spill.
    @inline(__always)
    private var entryBytes: Int {
        let bytes = CommitLog<M>.entryBytes(operations: set.count)
        return bytes > log.entryLimit ? 64 : bytes
    }

    // MARK: Step 4

    @inline(__always)
    private mutating func appendEntry(_ spill: UInt64) {
        if spill == 0 {
            unsafe log.append(commit: commit + 1, operations: set.operations, count: set.count)
        } else {
            appendSpilled(at: spill)
        }
    }

    /// A place for the operations when they are too many for the ring; 0 when they are not.
    @inline(__always)
    private mutating func spillPlace() throws(StoreError) -> UInt64 {
        if CommitLog<M>.entryBytes(operations: set.count) <= log.entryLimit { return 0 }
        return try allocateSpill(set.count * LogLayout.operationBytes)
    }

    /// The operations go to a heap extent that lives until the next checkpoint.
    @inline(never)
    private mutating func appendSpilled(at offset: UInt64) {
        let bytes = set.count * LogLayout.operationBytes
        let seed = Checksum.seed(.logSpill, offset: offset)
        let checksum = unsafe Checksum.of(set.operations, bytes, seed: seed)
        unsafe medium.copyIn(offset, set.operations, bytes)
        let spill = cpm_log_spill(
            offset: offset, byteCount: UInt64(bytes), checksum: checksum, reserved: 0)
        log.appendSpilled(commit: commit + 1, spill: spill, count: set.count)
    }

    private mutating func allocateSpill(_ bytes: Int) throws(StoreError) -> UInt64 {
        mayUseReserve = true
        defer { mayUseReserve = false }
        let offset = try allocateSlowly(bytes)
        set.deaths.append(offset | Delta.death | Delta.spill)
        return offset
    }

    // MARK: Step 5

    /// The last change of the commit, after which nothing but the fence can fail.
    @inline(__always)
    private mutating func applyLast(_ isFound: Bool) throws(StoreError) {
        let pins = reclaimer.pins
        trees.beginPlacing(
            commit: commit + 1, newestPin: max(pins.newest, cutCommit), oldPin: max(pins.old, cutCommit))
        defer { trees.endPlacing() }
        try applyLocated(isFound)
    }

    // MARK: Step 8

    /// The log holds as much as it should.
    @inline(__always)
    package var isCheckpointDue: Bool { pace.isDue || log.isFilling }

    /// Low on space: what is dead comes back by a checkpoint, which costs no more space than there is; else the store
    /// grows, in time.
    @inline(never)
    private func wakeForSpace() {
        if isReleaseDue { maintenance?.wake(forGrowth: false) }
        if isGrowthDue { maintenance?.wake(forGrowth: true) }
    }

    /// A checkpoint should begin for the sake of the space that it sets free.
    @inline(__always)
    package var isReleaseDue: Bool {
        heap.isLow && cutCommit == 0 && dead.returning == 0 && dead.isWorthFreeing(usedBytes: heap.usedBytes)
    }

    /// The store should grow: no checkpoint sets enough free, or not in time.
    @inline(__always)
    package var isGrowthDue: Bool {
        heap.isLow && (heap.isShort || !dead.isWorthFreeing(usedBytes: heap.usedBytes))
    }

    // MARK: Step 7

    @inline(__always)
    private mutating func publish() {
        let number = commit + 1
        retireReplaced(dead: number)
        adoptCreated(born: number)
        for index in 0..<set.births.count { deltas.append(set.births[index]) }
        for index in 0..<set.deaths.count { deltas.append(set.deaths[index]) }
        dead.add(set.deaths.count)
        pace.logged &+= UInt64(set.count + set.largeBytes / Pace.bytesPerOperation)
        commit = number
        set.clear()
        trees.forget()
        medium.note(.acknowledged(commit: number))
        readers.publish(commit: number, root: catalog.root)
        reclaimer.reclaim(into: &trees.pool, dead: number)
    }

    /// Nodes that the transaction replaced leave the tree; their places on the medium become free with the next
    /// checkpoint.
    @inline(__always)
    mutating func retireReplaced(dead number: UInt64) {
        let replaced = trees.replaced
        var cleaned = 0
        for index in 0..<replaced.count {
            let reference = NodeReference(raw: replaced[index])
            if !reference.isResident {
                addDeath(ofNodeAt: reference.offset)
                continue
            }
            let node = NodePointer(resident: reference)
            if unsafe node.header.pointee.born == 0 {
                // Made and replaced by this very transaction, in different savepoints.
                unsafe node.header.pointee.flags |= NodeLayout.droppedFlag
                continue
            }
            if !retirePlace(node) { cleaned += 1 }
            reclaimer.retire(node, dead: number)
        }
        heap.nodeRoom.addDirty(-cleaned)
    }

    @inline(__always)
    private mutating func addDeath(ofNodeAt offset: UInt64) {
        deltas.append(offset | Delta.death | Delta.node)
        if heap.isNodeSlot(offset) { heap.nodeRoom.addDead() }
    }

    /// A node's copy on the medium dies with it; false when it has none. While a checkpoint runs it may be about to
    /// get one: the mark tells the checkpointer that it is then for it to say so.
    @inline(__always)
    private mutating func retirePlace(_ node: NodePointer) -> Bool {
        let word = unsafe node.address + NodeLayout.placeOffset
        let isOfCut = unsafe node.header.pointee.born <= cutCommit
        let place = unsafe isOfCut ? cpm_fetch_or8(word, NodeLayout.placeDead) : cpm_load8(word)
        if place == 0 {
            if isOfCut { heap.nodeRoom.addLate() }
            return false
        }
        addDeath(ofNodeAt: NodeReference(raw: place).offset)
        return true
    }

    @inline(__always)
    mutating func adoptCreated(born number: UInt64) {
        let created = trees.created
        var dirtied = 0
        for index in 0..<created.count {
            let node = NodePointer(resident: NodeReference(raw: created[index]))
            if unsafe node.header.pointee.flags & NodeLayout.droppedFlag != 0 {
                trees.pool.release(node)
            } else {
                // A placed leaf has it, and readers may be looking.
                if !node.isPlaced { unsafe node.header.pointee.born = number }
                dirtied += 1
            }
        }
        heap.nodeRoom.addDirty(dirtied)
    }
}

extension NodeLayout {
    /// DRAM only, in `place`: the node has left the tree while a checkpoint was running.
    package static let placeDead: UInt64 = 2
}
