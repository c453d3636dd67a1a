internal import CPmem
internal import Glibc

/// DRAM for tree nodes: blocks of 1 KiB out of huge pages, larger ones from the system.
///
/// Belongs to whoever holds the write gate. A freed block is the next one given out, so that a steady stream of
/// commits works in the same few cache lines.
package struct NodePool: ~Copyable {
    private var free: UnsafeMutableRawPointer?
    private var arenas: [UnsafeMutableRawPointer] = []
    private var bump: UnsafeMutableRawPointer?
    private var bumpLeft = 0
    /// Blocks of 1 KiB that are in use.
    package private(set) var blocksInUse = 0

    private static let arenaBytes = 2 << 20

    package init() {}

    deinit {
        for arena in arenas { munmap(arena, Self.arenaBytes) }
    }

    /// A block for a node of `byteCount` bytes, contents undefined, aligned to 64.
    @inline(__always)
    package mutating func allocate(_ byteCount: Int) -> NodePointer {
        if byteCount == NodeLayout.byteCount {
            blocksInUse &+= 1
            if let block = free {
                free = block.load(as: UnsafeMutableRawPointer?.self)
                return NodePointer(block)
            }
            return allocateFresh()
        }
        var block: UnsafeMutableRawPointer?
        let code = posix_memalign(&block, 64, byteCount)
        guard code == 0, let block else { fatalError("out of memory for a tree node") }
        return NodePointer(block)
    }

    /// Takes a block back.
    @inline(__always)
    package mutating func release(_ node: NodePointer) {
        if node.byteCount == NodeLayout.byteCount {
            blocksInUse &-= 1
            node.address.storeBytes(of: free, as: UnsafeMutableRawPointer?.self)
            free = node.address
        } else {
            Glibc.free(node.address)
        }
    }

    private mutating func allocateFresh() -> NodePointer {
        if bumpLeft == 0 { addArena() }
        guard let block = bump else { fatalError("out of memory for tree nodes") }
        bump = block + NodeLayout.byteCount
        bumpLeft -= NodeLayout.byteCount
        return NodePointer(block)
    }

    /// Maps twice the size and cuts a 2 MiB-aligned arena out of it, so that one huge page can back it.
    private mutating func addArena() {
        let size = Self.arenaBytes
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let start = mmap(nil, 2 * size, PROT_READ | PROT_WRITE, flags, -1, 0), start != MAP_FAILED
        else { fatalError("out of memory for tree nodes") }
        let address = UInt(bitPattern: start)
        let aligned = (address + UInt(size) - 1) & ~(UInt(size) - 1)
        let lead = Int(aligned - address)
        if lead > 0 { munmap(start, lead) }
        if size - lead > 0 { munmap(start + lead + size, size - lead) }
        let arena = start + lead
        madvise(arena, size, MADV_HUGEPAGE)
        arenas.append(arena)
        bump = arena
        bumpLeft = size
    }
}
