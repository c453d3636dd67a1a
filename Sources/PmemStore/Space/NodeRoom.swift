/// Slots for tree nodes: what checkpoints need, what there is, and what the checkpoint at work gives back.
///
/// A checkpoint writes every dirty node to a fresh slot before it can set an old one free. So there must always be
/// room for the dirty nodes: for those of the cut now, for those of later commits when it is done.
package struct NodeRoom: Sendable {
    /// Nodes of the newest commit that have no place on the medium, and no slot in the checkpointer's hands.
    package private(set) var dirty = 0
    /// Free slots in chunks of nodes.
    package private(set) var free = 0
    /// Slots of nodes that have died since the last cut.
    private var dead = 0

    // Of the checkpoint at work; zero while there is none.

    /// Nodes of the cut that have no slot yet.
    package private(set) var unwritten = 0
    /// Nodes of the cut that have died before they had a place. They get one all the same, so that ``dirty`` will have
    /// lost them twice.
    private var late = 0
    /// Slots that its end sets free, whatever readers come and go. Below 0 while what others kept comes back.
    private var returning = 0
    /// Slots of nodes that have died up to the cut.
    private var held = 0

    /// Slots that are missing for the next checkpoint, were `more` nodes dirty.
    @inline(__always)
    package func missing(_ more: Int = 0) -> Int {
        max(unwritten, dirty &+ more &+ late &- max(returning, 0)) &- free
    }

    // MARK: Commits

    /// A commit has changed the number of dirty nodes.
    @inline(__always)
    package mutating func addDirty(_ count: Int) { dirty &+= count }

    /// A node has died that has a slot of its own.
    @inline(__always)
    package mutating func addDead() { dead &+= 1 }

    /// A node of the cut has died that has no place yet.
    @inline(__always)
    package mutating func addLate() { late &+= 1 }

    // MARK: Slots

    @inline(__always)
    package mutating func addFree(_ count: Int) { free &+= count }

    /// Slots come back to the heap.
    package mutating func release(_ count: Int) {
        free += count
        returning -= count
    }

    // MARK: Checkpoints

    /// A checkpoint begins. `isSeen`: a reader is pinned before its cut and may keep what has died since.
    package mutating func cut(isSeen: Bool) {
        unwritten = dirty
        late = 0
        returning = isSeen ? 0 : dead
        held = dead
        dead = 0
    }

    /// The checkpointer has a slot for a dirty node.
    package mutating func takeSlot() {
        dirty -= 1
        unwritten -= 1
    }

    /// No more nodes are written. `written`: of those that have a place now, how many had died before. `unused`: slots
    /// that the checkpointer has released.
    package mutating func endWriting(late written: Int, unused: Int) {
        dirty += written + unused
        returning += unused
        unwritten = 0
        late = 0
    }

    /// The checkpoint is over: nothing comes back any more. Late nodes die with the next one, and where this one has
    /// failed, so do all others.
    package mutating func end(isDurable: Bool, late written: Int) {
        dead += written + (isDurable ? 0 : held)
        held = 0
        late = 0
    }

    /// What the checkpoint has set free has come back, but for what readers keep.
    package mutating func endReturning() { returning = 0 }
}
