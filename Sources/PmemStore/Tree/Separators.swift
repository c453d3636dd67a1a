internal import CPmem
internal import Glibc

// Separators of inner nodes. Entry 0 has none (length 0). A separator is prefix + remainder; the first 8 bytes of the
// remainder are the head. A remainder of up to 8 bytes needs nothing more than its length; a longer one has its tail
// (the bytes after the first 8) in the heap, in entry order, behind the prefix: two bytes of length, then the tail.

extension NodePointer {
    /// Bytes that entry `index` occupies in the heap.
    @inline(__always)
    func separatorHeapBytes(_ index: Int, place: Int) -> Int {
        if unsafe separatorLengths[index] != NodeLayout.longSeparator { return 0 }
        return unsafe 2 + Int(UnsafeRawPointer(heap + place).loadUnaligned(as: UInt16.self))
    }

    /// Where the heap item of entry `index` is or would be.
    func separatorPlace(_ index: Int) -> Int {
        var place = prefixBytes
        for entry in 0..<index { place += separatorHeapBytes(entry, place: place) }
        return place
    }

    /// Tail of a long separator.
    func separatorTail(_ index: Int, place: Int) -> KeyBytes {
        let count = unsafe Int(UnsafeRawPointer(heap + place).loadUnaligned(as: UInt16.self))
        return unsafe KeyBytes(start: heap + place + 2, count: count)
    }

    /// The whole separator of an entry, as bytes of its own. Slow path only.
    func separator(_ index: Int) -> [UInt8] {
        var bytes = unsafe [UInt8](prefix)
        let length = unsafe Int(separatorLengths[index])
        let head = unsafe heads[index]
        for byte in 0..<min(length, 8) {
            bytes.append(UInt8(truncatingIfNeeded: head >> UInt64(56 - 8 * byte)))
        }
        if unsafe separatorLengths[index] == NodeLayout.longSeparator {
            unsafe bytes.append(contentsOf: separatorTail(index, place: separatorPlace(index)))
        }
        return bytes
    }

    /// All entries of an inner node in a form that is easy to rearrange.
    func separatorEntries() -> [SeparatorEntry] {
        (0..<count).map { index in
            unsafe SeparatorEntry(
                separator: index == 0 ? [] : separator(index), child: cpm_load8(children + index))
        }
    }

    /// Inserts an entry when that needs neither a split nor a new prefix nor a larger node. False: nothing done.
    func insertSeparatorInPlace(_ separator: KeyBytes, child: UInt64, at index: Int) -> Bool {
        guard count < NodeLayout.innerCapacity, unsafe comparePrefix(separator) == 0 else { return false }
        let remainder = separator.count - prefixBytes
        let tail = remainder > 8 ? remainder - 8 : 0
        let item = tail > 0 ? 2 + tail : 0
        let used = unsafe Int(header.pointee.heapBytes)
        guard used + item <= heapCapacity, tail <= 0xffff else { return false }
        let place = item > 0 || used > prefixBytes ? separatorPlace(index) : used
        openGap(at: index)
        unsafe heads[index] = unsafe keyHead(separator, after: prefixBytes)
        unsafe children[index] = child
        unsafe separatorLengths[index] = tail > 0 ? NodeLayout.longSeparator : UInt8(remainder)
        if item > 0 {
            unsafe memmove(heap + place + item, heap + place, used - place)
            unsafe UnsafeMutableRawPointer(heap + place).storeBytes(of: UInt16(tail), as: UInt16.self)
            if let start = separator.baseAddress {
                unsafe memcpy(heap + place + 2, start + prefixBytes + 8, tail)
            }
            unsafe header.pointee.heapBytes = UInt32(used + item)
        }
        count += 1
        return true
    }

    private func openGap(at index: Int) {
        let moved = count - index
        unsafe memmove(heads + index + 1, heads + index, 8 * moved)
        unsafe memmove(children + index + 1, children + index, 8 * moved)
        unsafe memmove(separatorLengths + index + 1, separatorLengths + index, moved)
    }

    /// Removes an entry of an inner node. When it was the first, the next one becomes the first and loses its
    /// separator.
    func removeSeparator(at index: Int) {
        let dropped = index == 0 ? min(1, count - 1) : index
        removeHeapItem(of: dropped)
        let moved = count - index - 1
        unsafe memmove(heads + index, heads + index + 1, 8 * moved)
        unsafe memmove(children + index, children + index + 1, 8 * moved)
        unsafe memmove(separatorLengths + index, separatorLengths + index + 1, moved)
        count -= 1
        if index == 0 && count > 0 {
            unsafe heads[0] = 0
            unsafe separatorLengths[0] = 0
        }
    }

    private func removeHeapItem(of index: Int) {
        let place = separatorPlace(index)
        let item = separatorHeapBytes(index, place: place)
        guard item > 0 else { return }
        let used = unsafe Int(header.pointee.heapBytes)
        unsafe memmove(heap + place, heap + place + item, used - place - item)
        unsafe header.pointee.heapBytes = UInt32(used - item)
    }

    /// Fills an inner node (count 0, sizes set) with entries that are known to fit.
    func fill(_ entries: ArraySlice<SeparatorEntry>, prefix: Int) {
        guard let second = entries.dropFirst().first else {
            setEntries(entries, prefix: 0)
            return
        }
        unsafe header.pointee.prefixBytes = UInt16(prefix)
        for byte in 0..<prefix { unsafe heap[byte] = second.separator[byte] }
        setEntries(entries, prefix: prefix)
    }

    private func setEntries(_ entries: ArraySlice<SeparatorEntry>, prefix: Int) {
        var place = prefix
        for (index, entry) in entries.enumerated() {
            unsafe children[index] = entry.child
            unsafe heads[index] = 0
            unsafe separatorLengths[index] = 0
            if index == 0 { continue }
            unsafe entry.separator.withUnsafeBytes { bytes in
                unsafe heads[index] = unsafe keyHead(bytes, after: prefix)
                let remainder = bytes.count - prefix
                unsafe separatorLengths[index] = remainder > 8 ? NodeLayout.longSeparator : UInt8(remainder)
                guard remainder > 8, let start = bytes.baseAddress else { return }
                unsafe UnsafeMutableRawPointer(heap + place).storeBytes(
                    of: UInt16(remainder - 8), as: UInt16.self)
                unsafe memcpy(heap + place + 2, start + prefix + 8, remainder - 8)
                place += 2 + remainder - 8
            }
        }
        count = entries.count
        unsafe header.pointee.heapBytes = UInt32(place)
    }
}

extension NodeLayout {
    /// Marks a separator whose remainder is longer than its head.
    package static let longSeparator: UInt8 = 255
}

/// An entry of an inner node on its way to another node.
struct SeparatorEntry {
    var separator: [UInt8]
    var child: UInt64

    /// Bytes that all separators but the first entry's share, as many as a heap may hold.
    ///
    /// All are looked at, not the first and the last only: in a damaged tree they need not ascend.
    static func sharedPrefix(_ entries: ArraySlice<SeparatorEntry>) -> Int {
        guard entries.count > 2, let first = entries.dropFirst().first else { return 0 }
        var length = min(first.separator.count, 0xffff)
        for entry in entries.dropFirst(2) {
            let end = min(length, entry.separator.count)
            length = (0..<end).first { first.separator[$0] != entry.separator[$0] } ?? end
        }
        return length
    }

    /// Size of the node that holds the entries: 1 KiB, doubled as often as needed.
    static func nodeBytes(_ entries: ArraySlice<SeparatorEntry>, prefix: Int) -> Int {
        var heap = prefix
        for entry in entries.dropFirst() where entry.separator.count - prefix > 8 {
            heap += 2 + entry.separator.count - prefix - 8
        }
        var bytes = NodeLayout.byteCount
        while bytes - NodeLayout.innerHeap < heap { bytes *= 2 }
        return bytes
    }
}
