internal import CPmem
internal import Glibc

// The last change of a commit, where no reader can see what it changes: it need not copy the way to the leaf
// (decision 0018). A new leaf takes the old one's place in their parent; a reference takes another's in the leaf.
//
// No reader can see a node when none is pinned at or behind the node's birth. Pins are looked up when a commit has been
// published; one that comes after that, and before the next publication, pins that commit. For it, a leaf that was born
// later names the leaf that it has replaced, and a leaf that was changed later names the reference.
//
// A leaf may be placed before the eyes of readers, too, if none of them is older than a few commits: they are led from
// leaf to leaf, back to the one that they may see. An entry and a count lead one step back, never two.

/// What ``TreeWriter`` has changed in place, to be taken back when the commit fails.
struct LeafPlacement: BitwiseCopyable {
    /// Address of the reference, to a leaf or to a record, and what was there. 0: nothing was changed.
    var reference: UInt = 0
    var referenceBefore: UInt64 = 0
    /// Address of the root's count, and what was there. 0: it was not changed in place.
    var pairs: UInt = 0
    var pairsBefore: UInt64 = 0
}

extension TreeWriter {
    /// From here on, until ``endPlacing()``, a leaf may take another's place: the last change of a commit.
    ///
    /// - Parameter newestPin: The newest pin when the commit before was published, of those before that commit, or of a
    ///   checkpoint, which sees what it finds; 0 for none.
    /// - Parameter oldPin: The newest of them whose holder cannot be led back: ``ReaderTable/longestLead`` commits
    ///   old, or a checkpoint's.
    @inline(__always)
    package mutating func beginPlacing(commit: UInt64, newestPin: UInt64, oldPin: UInt64) {
        placing = commit
        self.newestPin = newestPin
        self.oldPin = oldPin
    }

    @inline(__always)
    package mutating func endPlacing() { placing = 0 }

    /// True when a new leaf with the same keys may take the place of the path's leaf.
    @inline(__always)
    func mayPlace() -> Bool {
        if placing == 0 || path.depth < 2 { return false }
        return isUnseen(path.steps[path.depth - 2].pointer, by: oldPin)
    }

    /// As ``mayPlace()``, for a leaf of one more key, which the root must count.
    @inline(__always)
    func mayPlaceAnother() -> Bool {
        if !mayPlace() { return false }
        let root = path.steps[0].pointer
        return mayChange(root) || isUnseen(root, by: newestPin) && root.canCount(at: placing)
    }

    /// True for a node that neither a pinned commit, nor any before it, reaches, and no checkpoint has saved.
    @inline(__always)
    private func isUnseen(_ node: NodePointer, by pin: UInt64) -> Bool {
        unsafe !isOnMedium(node) && node.visibleFrom > pin
            && cpm_load8(node.address + NodeLayout.placeOffset) == 0
    }

    /// True when an entry of the path's leaf may change where it is.
    @inline(__always)
    mutating func mayChangeEntry() -> Bool {
        placing != 0 && path.depth >= 2 && isUnseen(path.leaf, by: newestPin)
    }

    /// Puts a reference in place of the one at the path's end.
    @inline(__always)
    mutating func changeEntry(_ reference: UInt64) {
        let leaf = path.leaf
        let index = path.leafIndex
        unsafe leaf.header.pointee.reserved0 = UInt16(truncatingIfNeeded: index)
        unsafe leaf.header.pointee.pairs = leaf.records[index]
        unsafe cpm_store8_release(leaf.address + NodeLayout.changedOffset, placing)
        unsafe changeReference(leaf.records + index, to: reference)
    }

    /// The one reference that a commit changes in place.
    @inline(__always)
    private mutating func changeReference(_ word: UnsafeMutablePointer<UInt64>, to raw: UInt64) {
        placement.reference = UInt(bitPattern: word)
        placement.referenceBefore = unsafe word.pointee
        unsafe cpm_store8_release(word, raw)
    }

    /// Puts a finished copy of the path's leaf in its place.
    @inline(__always)
    mutating func place(_ copy: NodePointer) throws(StoreError) {
        let leaf = path.leaf
        if isOnMedium(leaf) { try space.medium.requireWhole() }
        let step = path.steps[path.depth - 2]
        adopt(copy, insteadOf: leaf)
        unsafe copy.setPlaced(
            commit: placing, insteadOf: replaced[replaced.count - 1],
            visibleFrom: step.pointer.header.pointee.born)
        unsafe changeReference(step.pointer.children + step.index, to: NodeReference(copy).raw)
        path.steps[path.depth - 1].node = unsafe UInt(bitPattern: copy.address)
    }

    /// Enters the number of pairs, one more than before, into a root that stays.
    @inline(__always)
    mutating func countPlaced(_ tree: TreeState) {
        let root = path.steps[0].pointer
        if mayChange(root) {
            storePairs(tree)
            return
        }
        let word = unsafe root.address + NodeLayout.pairsOffset
        placement.pairs = UInt(bitPattern: word)
        unsafe placement.pairsBefore = cpm_load8(word)
        unsafe cpm_store8_release(word, root.counted(tree.pairs, at: placing))
    }

    /// The commit has failed: what it has changed in place is as it was. The leaf itself stays out of the pool, because
    /// a reader may have come by it.
    mutating func withdrawPlacement() {
        endPlacing()
        for (address, before) in [
            (placement.reference, placement.referenceBefore), (placement.pairs, placement.pairsBefore),
        ] {
            guard let word = unsafe UnsafeMutableRawPointer(bitPattern: address) else { continue }
            unsafe cpm_store8_release(word, before)
        }
        placement = LeafPlacement()
    }
}

// MARK: - A leaf that was placed

extension NodePointer {
    /// True for a leaf that has taken another's place in a parent that is older than itself.
    @inline(__always)
    package var isPlaced: Bool { unsafe header.pointee.flags & NodeLayout.placedFlag != 0 }

    /// The leaf that it has replaced. Only for a reader that is pinned before this one's birth. It keeps both, because
    /// this one is retired by its parent's birth.
    @inline(__always)
    var predecessor: NodeReference { unsafe NodeReference(raw: header.pointee.pairs) }

    /// The oldest commit whose readers can come by this node.
    @inline(__always)
    var visibleFrom: UInt64 {
        unsafe isPlaced
            ? address.load(fromByteOffset: NodeLayout.visibleFromOffset, as: UInt64.self)
            : header.pointee.born
    }

    /// The reference of an entry of a leaf, as a commit has it.
    @inline(__always)
    package func reference(_ index: Int, at commit: UInt64) -> UInt64 {
        let newest = unsafe cpm_load8_acquire(records + index)
        let changed = unsafe cpm_load8_acquire(address + NodeLayout.changedOffset)
        return changed <= commit ? newest : unchanged(index, newest)
    }

    @inline(never)
    private func unchanged(_ index: Int, _ newest: UInt64) -> UInt64 {
        unsafe header.pointee.reserved0 == UInt16(truncatingIfNeeded: index) ? header.pointee.pairs : newest
    }

    /// The commit that has changed an entry where it was; 0 for none.
    @inline(__always)
    private var changed: UInt64 { unsafe cpm_load8(address + NodeLayout.changedOffset) }

    @inline(__always)
    fileprivate func setPlaced(commit: UInt64, insteadOf predecessor: UInt64, visibleFrom: UInt64) {
        unsafe header.pointee.flags |= NodeLayout.placedFlag
        unsafe header.pointee.born = commit
        unsafe header.pointee.pairs = predecessor
        unsafe address.storeBytes(
            of: visibleFrom, toByteOffset: NodeLayout.visibleFromOffset, as: UInt64.self)
    }

    /// Takes out of the header what only a leaf that was placed or changed, and a root that stays, have there. For a
    /// copy.
    @inline(__always)
    func clearPlaced() {
        if isPlaced || changed != 0 {
            unsafe header.pointee.flags &= ~NodeLayout.placedFlag
            unsafe header.pointee.pairs = 0
            unsafe header.pointee.reserved0 = 0
            unsafe header.pointee.changed = 0
            unsafe header.pointee.epoch = 0
            unsafe header.pointee.heapBytes = 0
        } else {
            unsafe header.pointee.pairs &= NodeLayout.pairsMask
        }
    }
}

// MARK: - The count of a root that stays

extension NodePointer {
    /// Pairs of the table whose root this is, as a commit sees them. A root that has stayed while a pair was added says
    /// since which commit, counted from its own birth.
    @inline(__always)
    package func pairs(at commit: UInt64) -> UInt64 {
        let word = unsafe cpm_load8(address + NodeLayout.pairsOffset)
        let since = word >> NodeLayout.pairsBits
        let pairs = word & NodeLayout.pairsMask
        return unsafe since != 0 && commit < header.pointee.born &+ since ? pairs &- 1 : pairs
    }

    /// True when the distance from the root's birth to a commit can be told in its count.
    @inline(__always)
    fileprivate func canCount(at commit: UInt64) -> Bool {
        unsafe (commit &- header.pointee.born) >> (64 - NodeLayout.pairsBits) == 0
    }

    @inline(__always)
    fileprivate func counted(_ pairs: UInt64, at commit: UInt64) -> UInt64 {
        unsafe (commit &- header.pointee.born) << NodeLayout.pairsBits | pairs
    }
}

extension NodeLayout {
    /// DRAM only: the leaf has taken another's place; `pairs` names that one.
    package static let placedFlag: UInt8 = 0x40
    /// DRAM only, in a placed leaf: `epoch` and `heapBytes` together, which mean something on the medium and in inner
    /// nodes.
    static let visibleFromOffset = 16
    /// Bits for the number of pairs: records of one line each would fill the address range.
    static let pairsBits: UInt64 = 42
    package static let pairsMask: UInt64 = 1 << pairsBits - 1
}
