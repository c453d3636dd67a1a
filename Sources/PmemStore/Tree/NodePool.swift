internal import CPmem
internal import Glibc

/// DRAM for tree nodes: blocks of 1 KiB out of huge pages, larger ones from the system.
///
/// Belongs to whoever holds the write gate. A freed block is the next one given out, so that a steady stream of
/// commits works in the same few cache lines. Freeing does not touch the block, which may be cold.
@safe package struct NodePool: ~Copyable {
    private var free = WordList(capacity: 4096)
    private var arenas: [UnsafeMutableRawPointer] = unsafe []
    private var bump: UnsafeMutableRawPointer?
    private var bumpLeft = 0
    /// The next arena, mapped ahead of need so that somebody else can have its page zeroed.
    private var spare: UnsafeMutableRawPointer?
    /// The spare arena was not asked for yet by ``takeFreshSpare()``.
    package private(set) var hasFreshSpare = false
    /// Addresses of the blocks that came from the system: with the pool go those that a store still had in its trees.
    private var large: Set<UInt> = []
    /// Blocks of 1 KiB that are in use.
    package private(set) var blocksInUse = 0

    package static let arenaBytes = 2 << 20

    package init() {}

    deinit {
        free.deallocate()
        for index in unsafe 0..<arenas.count {
            if unsafe Virtual.reuse?.give(arenas[index], Self.arenaBytes) ?? false { continue }
            unsafe munmap(arenas[index], Self.arenaBytes)
        }
        for address in large { unsafe Glibc.free(UnsafeMutableRawPointer(bitPattern: address)) }
    }

    /// A block for a node of `byteCount` bytes, contents undefined, aligned to 64.
    @inline(__always)
    package mutating func allocate(_ byteCount: Int) -> NodePointer {
        if byteCount == NodeLayout.byteCount {
            blocksInUse &+= 1
            return free.count > 0
                ? NodePointer(resident: NodeReference(raw: free.removeLast())) : allocateFresh()
        }
        return allocateLarge(byteCount)
    }

    @inline(never)
    private mutating func allocateLarge(_ byteCount: Int) -> NodePointer {
        var block: UnsafeMutableRawPointer?
        let code = unsafe posix_memalign(&block, 64, byteCount)
        guard code == 0, let block = unsafe block else { fatalError("out of memory for a tree node") }
        large.insert(UInt(bitPattern: block))
        return unsafe NodePointer(block)
    }

    /// A node's address and, in bit 1, whether it is larger than a block.
    @inline(__always)
    package static func word(_ node: NodePointer) -> UInt64 {
        NodeReference(node).raw | (node.byteCount == NodeLayout.byteCount ? 0 : largeBit)
    }

    /// The node of a word.
    @inline(__always)
    package static func node(_ word: UInt64) -> NodePointer {
        NodePointer(resident: NodeReference(raw: word & ~largeBit))
    }

    private static var largeBit: UInt64 { 2 }

    @inline(never)
    private mutating func releaseLarge(_ node: NodePointer) {
        unsafe large.remove(UInt(bitPattern: node.address))
        unsafe Glibc.free(node.address)
    }

    /// Takes a block back.
    @inline(__always)
    package mutating func release(_ node: NodePointer) { release(Self.word(node)) }

    /// Takes the block of a word back.
    @inline(__always)
    package mutating func release(_ word: UInt64) {
        if word & Self.largeBit == 0 {
            blocksInUse &-= 1
            free.append(word)
        } else {
            releaseLarge(Self.node(word))
        }
    }

    private mutating func allocateFresh() -> NodePointer {
        if bumpLeft == 0 { addArena() }
        guard let block = unsafe bump else { fatalError("out of memory for tree nodes") }
        unsafe bump = unsafe block + NodeLayout.byteCount
        bumpLeft -= NodeLayout.byteCount
        return unsafe NodePointer(block)
    }

    private mutating func addArena() {
        bumpLeft = Self.arenaBytes
        if let arena = unsafe Virtual.reuse?.take(Self.arenaBytes) {
            unsafe arenas.append(arena)
            unsafe bump = unsafe arena
            return
        }
        unsafe bump = unsafe spare ?? mapArena()
        unsafe spare = unsafe mapArena()
        hasFreshSpare = true
    }

    /// The spare arena, once: for whoever touches it first, so that the writer need not wait for a page to be zeroed.
    package mutating func takeFreshSpare() -> UnsafeMutableRawPointer? {
        guard hasFreshSpare else { return nil }
        hasFreshSpare = false
        return unsafe spare
    }

    /// Maps twice the size and cuts a 2 MiB-aligned arena out of it, so that one huge page can back it.
    private mutating func mapArena() -> UnsafeMutableRawPointer {
        let size = Self.arenaBytes
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
        return unsafe arena
    }
}
