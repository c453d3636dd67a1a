internal import CPmem
import Testing

@testable internal import PmemStore

/// A tree over records in ordinary memory, with the sorted array that it must equal.
@safe final class TreeBench {
    struct Entry: Equatable {
        let key: [UInt8]
        let reference: UInt64
    }

    private let medium: HeapMedium
    private let verified: VerifiedNodes
    private var trees: TreeWriter<HeapMedium>
    private(set) var tree = TreeState.empty
    /// What the tree must hold, in order.
    private(set) var model: [Entry] = []
    private var end: UInt64 = 64

    init(byteCount: Int = 256 << 20) {
        medium = HeapMedium(byteCount: byteCount)
        verified = VerifiedNodes(addressBytes: UInt64(byteCount), storeBytes: UInt64(byteCount))
        trees = TreeWriter(space: NodeSpace(medium: medium, verified: verified), pool: NodePool())
    }

    deinit { verified.deallocate() }

    var space: NodeSpace<HeapMedium> { NodeSpace(medium: medium, verified: verified) }

    /// The tree did something else than the sorted array.
    struct Wrong: Error {
        let what: String
        init(_ what: String) { self.what = what }
    }

    // MARK: Changes

    /// A record with this key and no value.
    func makeRecord(_ key: [UInt8]) -> UInt64 {
        var bytes = [UInt8](repeating: 0, count: Record.headerBytes)
        bytes[8] = UInt8(key.count & 0xff)
        bytes[9] = UInt8(key.count >> 8)
        bytes += key
        let offset = end
        unsafe bytes.withUnsafeBytes { buffer in
            guard let start = buffer.baseAddress else { return }
            unsafe medium.copyIn(offset, start, buffer.count)
        }
        end += UInt64((bytes.count + 63) & ~63)
        return RecordReference(offset: offset, checksum: 0).raw
    }

    /// Puts a key; returns the reference that it replaces, as the model says.
    func put(_ key: [UInt8], _ reference: UInt64? = nil) throws {
        let reference = reference ?? makeRecord(key)
        let place = position(of: key)
        let isThere = place < model.count && model[place].key == key
        try unsafe key.withUnsafeBytes { bytes in
            let isFound = try unsafe trees.space.locate(bytes, root: tree.reference, path: &trees.path)
            if isFound != isThere { throw Wrong("put found \(isFound) where \(isThere) is right") }
            if isFound {
                let before = try trees.replace(reference, tree: &tree)
                if before != model[place].reference { throw Wrong("put replaced another entry") }
            } else {
                try unsafe trees.insert(bytes, reference, tree: &tree)
            }
        }
        let entry = Entry(key: key, reference: reference)
        if isThere { model[place] = entry } else { model.insert(entry, at: place) }
    }

    func remove(_ key: [UInt8]) throws {
        let place = position(of: key)
        try unsafe key.withUnsafeBytes { bytes in
            let isFound = try unsafe trees.space.locate(bytes, root: tree.reference, path: &trees.path)
            if !isFound { throw Wrong("remove finds nothing") }
            let removed = try trees.remove(tree: &tree)
            if removed != model[place].reference { throw Wrong("remove took another entry") }
        }
        model.remove(at: place)
    }

    // MARK: Transactions

    /// Ends a transaction as a commit does: what was replaced is given back, what was made is kept.
    func commit() {
        for index in 0..<trees.replaced.count {
            let node = TreeWriter<HeapMedium>.node(trees.replaced[index])
            if unsafe node.header.pointee.born == 0 {
                unsafe node.header.pointee.flags |= NodeLayout.droppedFlag
            } else {
                trees.pool.release(node)
            }
        }
        for index in 0..<trees.created.count {
            let node = TreeWriter<HeapMedium>.node(trees.created[index])
            if unsafe node.header.pointee.flags & NodeLayout.droppedFlag != 0 {
                trees.pool.release(node)
            } else if !node.isPlaced {
                unsafe node.header.pointee.born = 1
            }
        }
        trees.forget()
        trees.protect()
    }

    /// As ``commit()``, while readers keep all that was replaced.
    func keepReplaced() {
        trees.forget()
        trees.protect()
    }

    /// Runs `body` and undoes what it has done, as a rolled back savepoint does.
    func rollingBack(_ body: () throws -> Void) rethrows {
        let before = (tree, model)
        let created = trees.created.count
        let replaced = trees.replaced.count
        trees.protect()
        defer {
            trees.rollBack(created: created, replaced: replaced)
            (tree, model) = before
        }
        try body()
    }

    /// Changes made within `body` may put a leaf in its predecessor's place, as a commit's last change does.
    func placing(
        commit: UInt64, newestPin: UInt64 = 0, oldPin: UInt64 = 0, _ body: () throws -> Void
    ) rethrows {
        trees.beginPlacing(commit: commit, newestPin: newestPin, oldPin: oldPin)
        defer { trees.endPlacing() }
        try body()
    }

    /// Makes a record that is named but not yet on the medium: a store past the cache that no fence has covered.
    func makeUnwrittenRecord() -> UInt64 {
        defer { end += 64 }
        return RecordReference(offset: end, checksum: 0).raw
    }

    /// Runs `body` and undoes it, as a commit does that fails after its last change.
    func failing(_ body: () throws -> Void) rethrows {
        let before = (tree, model)
        try body()
        trees.rollBack(created: 0, replaced: 0)
        (tree, model) = before
    }

    /// The leaf in which a key is.
    func leaf(of key: [UInt8]) throws -> NodePointer {
        _ = try parent(of: key)
        return trees.path.leaf
    }

    /// The parent of a key's leaf.
    func parent(of key: [UInt8]) throws -> NodePointer {
        try unsafe key.withUnsafeBytes { bytes in
            _ = try unsafe trees.space.locate(bytes, root: tree.reference, path: &trees.path)
        }
        return trees.path.steps[trees.path.depth - 2].pointer
    }

    // MARK: Checks

    /// What a reader of one commit finds below a root, by every way of reading.
    func read(_ root: TreeState, at commit: UInt64) throws -> [UInt64] {
        let space = space.seeing(commit)
        var cursor = TreeCursor(space: space, root: root.reference)
        var found: [UInt64] = []
        try cursor.seekFirst()
        while cursor.isValid {
            found.append(cursor.reference)
            try cursor.next()
        }
        if try space.node(root.reference).pairs(at: commit) != UInt64(found.count) { throw Wrong("count") }
        try cursor.seekLast()
        for reference in found.reversed() {
            if !cursor.isValid || cursor.reference != reference { throw Wrong("walk backward") }
            try cursor.previous()
        }
        for reference in found {
            let key = unsafe space.record(reference).key
            if try unsafe space.lookup(key, root: root.reference) != reference { throw Wrong("lookup") }
        }
        return found
    }

    /// Place of a key in the model, or where it would go.
    func position(of key: [UInt8]) -> Int {
        var low = 0
        var high = model.count
        while low < high {
            let middle = (low + high) / 2
            if Self.precedes(model[middle].key, key) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// As `lexicographicallyPrecedes`, by memcmp: keys are up to 64 KiB long here and tests run unoptimised.
    static func precedes(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        unsafe left.withUnsafeBytes { left in
            unsafe right.withUnsafeBytes { right in unsafe compareKeys(left, right) < 0 }
        }
    }

    /// All numbered invariants, and the contents.
    func check(_ location: SourceLocation = #_sourceLocation) throws {
        var check = TreeCheck(space: space)
        try check.check(tree)
        // Plain comparisons first: this runs a million times, and an expectation takes far longer than a comparison.
        if check.failures.isEmpty, tree.pairs == UInt64(model.count),
            check.records.elementsEqual(model.lazy.map(\.reference))
        {
            return
        }
        #expect(check.failures == [], sourceLocation: location)
        #expect(check.records == model.map(\.reference), sourceLocation: location)
        #expect(tree.pairs == UInt64(model.count), sourceLocation: location)
    }

    /// Every small node in use is reachable: nothing was lost and nothing freed too early.
    func checkPool(_ location: SourceLocation = #_sourceLocation) throws {
        #expect(try smallNodes(tree.reference) == trees.pool.blocksInUse, sourceLocation: location)
    }

    private func smallNodes(_ reference: NodeReference) throws -> Int {
        if reference.isNone { return 0 }
        let node = try space.node(reference)
        var count = node.byteCount == NodeLayout.byteCount ? 1 : 0
        if node.isLeaf { return count }
        for index in 0..<node.count {
            count += try smallNodes(NodeReference(raw: unsafe node.children[index]))
        }
        return count
    }

    /// Looks a key up and seeks to it from both sides; the model says what must be found.
    func probe(_ key: [UInt8]) throws {
        let place = position(of: key)
        let isThere = place < model.count && model[place].key == key
        var cursor = TreeCursor(space: space, root: tree.reference)
        try unsafe key.withUnsafeBytes { bytes in
            let found = try unsafe space.lookup(bytes, root: tree.reference)
            if found != (isThere ? model[place].reference : 0) { throw Wrong("lookup of \(key.prefix(40))") }
            try unsafe cursor.seek(atOrAfter: bytes)
            let after = cursor.isValid ? cursor.reference : 0
            if after != (place < model.count ? model[place].reference : 0) { throw Wrong("seek to a key") }
            try unsafe cursor.seek(before: bytes)
            let before = cursor.isValid ? cursor.reference : 0
            if before != (place > 0 ? model[place - 1].reference : 0) { throw Wrong("seek before a key") }
        }
    }

    /// Walks the whole tree in both directions.
    func walk(_ location: SourceLocation = #_sourceLocation) throws {
        var cursor = TreeCursor(space: space, root: tree.reference)
        var found: [UInt64] = []
        try cursor.seekFirst()
        while cursor.isValid {
            found.append(cursor.reference)
            try cursor.next()
        }
        #expect(found == model.map(\.reference), sourceLocation: location)
        found = []
        try cursor.seekLast()
        while cursor.isValid {
            found.append(cursor.reference)
            try cursor.previous()
        }
        #expect(found == model.reversed().map(\.reference), sourceLocation: location)
    }
}
