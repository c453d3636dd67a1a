internal import CPmem
internal import Glibc

/// DRAM for tree nodes: blocks of 1 KiB out of huge pages, larger ones from the system.
///
/// Belongs to whoever holds the write gate. A freed block is the next one given out, so that a steady stream of
/// commits works in the same few cache lines.
@safe package struct NodePool: ~Copyable {
    private var free: UnsafeMutableRawPointer?
    private var arenas: [UnsafeMutableRawPointer] = unsafe []
    private var bump: UnsafeMutableRawPointer?
    private var bumpLeft = 0
    /// Blocks of 1 KiB that are in use.
    package private(set) var blocksInUse = 0

    private static let arenaBytes = 2 << 20

    package init() {}

    deinit {
        for index in unsafe 0..<arenas.count {
            if unsafe Virtual.reuse?.give(arenas[index], Self.arenaBytes) ?? false { continue }
            unsafe munmap(arenas[index], Self.arenaBytes)
        }
    }

    /// A block for a node of `byteCount` bytes, contents undefined, aligned to 64.
    @inline(__always)
    package mutating func allocate(_ byteCount: Int) -> NodePointer {
        if byteCount == NodeLayout.byteCount {
            blocksInUse &+= 1
            if let block = unsafe free {
                unsafe free = unsafe block.load(as: UnsafeMutableRawPointer?.self)
                return unsafe NodePointer(block)
            }
            return allocateFresh()
        }
        var block: UnsafeMutableRawPointer?
        let code = unsafe posix_memalign(&block, 64, byteCount)
        guard code == 0, let block = unsafe block else { fatalError("out of memory for a tree node") }
        return unsafe NodePointer(block)
    }

    /// Takes a block back.
    @inline(__always)
    package mutating func release(_ node: NodePointer) {
        if node.byteCount == NodeLayout.byteCount {
            blocksInUse &-= 1
            unsafe node.address.storeBytes(of: free, as: UnsafeMutableRawPointer?.self)
            unsafe free = unsafe node.address
        } else {
            unsafe Glibc.free(node.address)
        }
    }

    private mutating func allocateFresh() -> NodePointer {
        if bumpLeft == 0 { addArena() }
        guard let block = unsafe bump else { fatalError("out of memory for tree nodes") }
        unsafe bump = unsafe block + NodeLayout.byteCount
        bumpLeft -= NodeLayout.byteCount
        return unsafe NodePointer(block)
    }

    /// Maps twice the size and cuts a 2 MiB-aligned arena out of it, so that one huge page can back it.
    private mutating func addArena() {
        let size = Self.arenaBytes
        defer { bumpLeft = size }
        if let arena = unsafe Virtual.reuse?.take(size) {
            unsafe arenas.append(arena)
            unsafe bump = unsafe arena
            return
        }
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let start = unsafe mmap(nil, 2 * size, PROT_READ | PROT_WRITE, flags, -1, 0),
            unsafe start != MAP_FAILED
        else { fatalError("out of memory for tree nodes") }
        let address = UInt(bitPattern: start)
        let aligned = (address + UInt(size) - 1) & ~(UInt(size) - 1)
        let lead = Int(aligned - address)
        if lead > 0 { unsafe munmap(start, lead) }
        if size - lead > 0 { unsafe munmap(start + lead + size, size - lead) }
        let arena = unsafe start + lead
        unsafe madvise(arena, size, MADV_HUGEPAGE)
        unsafe arenas.append(arena)
        unsafe bump = unsafe arena
    }
}
