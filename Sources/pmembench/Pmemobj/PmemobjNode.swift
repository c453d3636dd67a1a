/// A node of the persistent B-tree, in place. Layout: count and level (4 bytes each), then `capacity` key heads,
/// then `capacity` record offsets, then, in inner nodes only, `capacity + 1` child offsets; 8 bytes each.
///
/// A head is the key's first 8 bytes as a big-endian number, padded with zeros: most comparisons end there.
@safe struct PmemobjNode {
    static let capacity = 15
    static let minimum = capacity / 2
    static let leafBytes = 8 + 16 * capacity
    static let innerBytes = leafBytes + 8 * (capacity + 1)

    let address: UnsafeMutableRawPointer

    init(_ address: UnsafeMutableRawPointer) {
        unsafe self.address = address
    }

    var count: Int {
        get { Int(unsafe address.load(as: UInt32.self)) }
        nonmutating set { unsafe address.storeBytes(of: UInt32(newValue), as: UInt32.self) }
    }

    var isLeaf: Bool {
        get { unsafe address.load(fromByteOffset: 4, as: UInt32.self) == 0 }
        nonmutating set { unsafe address.storeBytes(of: newValue ? 0 : 1, toByteOffset: 4, as: UInt32.self) }
    }

    var isFull: Bool { count == Self.capacity }

    /// Bytes that a change of items can touch when one more is added.
    var snapshotBytes: Int {
        isLeaf ? 8 + 8 * Self.capacity + 8 * min(count + 1, Self.capacity) : Self.innerBytes
    }

    @inline(__always)
    func head(_ index: Int) -> UInt64 {
        unsafe address.load(fromByteOffset: 8 + 8 * index, as: UInt64.self)
    }

    @inline(__always)
    func record(_ index: Int) -> UInt64 {
        unsafe address.load(fromByteOffset: 8 + 8 * (Self.capacity + index), as: UInt64.self)
    }

    @inline(__always)
    func child(_ index: Int) -> UInt64 {
        unsafe address.load(fromByteOffset: 8 + 8 * (2 * Self.capacity + index), as: UInt64.self)
    }

    func setItem(_ index: Int, _ item: PmemobjItem) {
        unsafe address.storeBytes(of: item.head, toByteOffset: 8 + 8 * index, as: UInt64.self)
        unsafe address.storeBytes(
            of: item.record, toByteOffset: 8 + 8 * (Self.capacity + index), as: UInt64.self)
    }

    func item(_ index: Int) -> PmemobjItem {
        PmemobjItem(head: head(index), record: record(index))
    }

    func setChild(_ index: Int, _ offset: UInt64) {
        unsafe address.storeBytes(
            of: offset, toByteOffset: 8 + 8 * (2 * Self.capacity + index), as: UInt64.self)
    }

    /// Address of a record offset, for a snapshot of that word alone.
    func recordAddress(_ index: Int) -> UnsafeMutableRawPointer {
        unsafe address + 8 + 8 * (Self.capacity + index)
    }

    /// Makes room for an item at `index`. The count grows.
    func openItem(_ index: Int) {
        moveWords(from: 1 + index, to: 2 + index, count: count - index)
        moveWords(from: 1 + Self.capacity + index, to: 2 + Self.capacity + index, count: count - index)
        count += 1
    }

    /// Closes the gap that an item at `index` leaves. The count shrinks.
    func closeItem(_ index: Int) {
        count -= 1
        moveWords(from: 2 + index, to: 1 + index, count: count - index)
        moveWords(from: 2 + Self.capacity + index, to: 1 + Self.capacity + index, count: count - index)
    }

    /// Moves the children from `index` on; call while `count` still counts them, less one.
    func moveChildren(from index: Int, by distance: Int, childCount: Int) {
        let first = 1 + 2 * Self.capacity + index
        moveWords(from: first, to: first + distance, count: childCount - index)
    }

    private func moveWords(from source: Int, to destination: Int, count: Int) {
        unsafe (address + 8 * destination).copyMemory(
            from: address + 8 * source, byteCount: 8 * max(count, 0))
    }
}

/// One entry of a node: the key's head and where its record lies.
struct PmemobjItem {
    let head: UInt64
    let record: UInt64
}
