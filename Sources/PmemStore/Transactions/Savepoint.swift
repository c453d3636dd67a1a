internal import CPmem

/// How far a transaction had come when a savepoint was set.
package struct Savepoint: Sendable {
    let created: Int
    let replaced: Int
    let operations: Int
    let births: Int
    let deaths: Int
    let catalog: TreeState
    let nextTable: UInt32
}

extension Writer {
    /// Sets a savepoint: from here on nothing that the transaction has made so far changes in place.
    package mutating func mark() throws(StoreError) -> Savepoint {
        if let failure { throw failure }
        try applyDeferred()
        try finishTrees()
        forgetTable()
        trees.protect()
        return Savepoint(
            created: trees.created.count, replaced: trees.replaced.count, operations: set.count,
            births: set.births.count, deaths: set.deaths.count, catalog: catalog, nextTable: nextTable)
    }

    /// Undoes everything since a savepoint.
    package mutating func rollBack(to mark: Savepoint) throws(StoreError) {
        forgetTable()
        trees.rollBack(created: mark.created, replaced: mark.replaced)
        for index in mark.births..<set.births.count { giveBack(set.births[index]) }
        set.births.truncate(to: mark.births)
        set.deaths.truncate(to: mark.deaths)
        set.truncate(to: mark.operations)
        set.deferredKeyBytes = -1
        catalog = mark.catalog
        nextTable = mark.nextTable
        failure = nil
    }

    /// A number that no table of this store has had.
    package mutating func takeTableNumber() -> UInt32 {
        nextTable += 1
        return nextTable - 1
    }
}
