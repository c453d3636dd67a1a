package import CPmem

extension Writer {
    /// Enters a logged put, as commit step 5 does. The log names what is replaced, so no old record is read.
    package mutating func replayPut(
        _ operation: cpm_log_operation, key: KeyBytes
    ) throws(StoreError) {
        try select(operation.table)
        let isFound = try unsafe space.locate(
            key, root: tree.reference, path: &trees.path, replaced: operation.replaced)
        guard isFound == (operation.replaced != 0) else {
            throw .corrupted(
                .init(
                    .commitLog, offset: LeafEntry.offset(operation),
                    detail: "the log replaces \(operation.replaced), the tree does not have it"))
        }
        // Where it goes may be told by the keys of older records: whoever removes those removes the evidence.
        if !isFound, trees.path.depth > 0 { try unsafe space.verifyTies(of: key, in: trees.path.leaf) }
        try unsafe enter(LeafEntry.reference(operation), key: key, isFound: isFound)
    }

    /// Removes what a logged delete names.
    package mutating func replayDelete(_ operation: cpm_log_operation) throws(StoreError) {
        try select(operation.table)
        let offset = LeafEntry.offset(operation)
        let key = unsafe RecordPointer(medium.read(offset, Record.headerBytes)).key
        guard
            try unsafe space.locate(key, root: tree.reference, path: &trees.path, replaced: offset)
        else {
            throw .corrupted(
                .init(.commitLog, offset: offset, detail: "the log deletes what the tree does not have"))
        }
        died(try trees.remove(tree: &tree))
        isTreeChanged = true
    }
}
