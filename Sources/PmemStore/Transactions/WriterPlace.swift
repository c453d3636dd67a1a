/// Where a store's one writer lives. Whoever holds the write gate may use it; that replaces the language's own checks
/// of exclusive access, which a class would pay for at every step of a commit.
@safe package struct WriterPlace<M: Medium>: @unchecked Sendable {
    package let address: UnsafeMutablePointer<Writer<M>>

    package init(_ writer: consuming Writer<M>) {
        unsafe address = .allocate(capacity: 1)
        unsafe address.initialize(to: writer)
    }

    package func deallocate() {
        // Moved out, because deinitialising it in place leaves its deinit out where the medium is another module's.
        _ = unsafe address.move()
        unsafe address.deallocate()
    }

    /// The writer itself.
    package var pointee: Writer<M> {
        @inline(__always) unsafeAddress { unsafe UnsafePointer(address) }
        @inline(__always) nonmutating unsafeMutableAddress { unsafe address }
    }
}

/// What a writer that cannot go on asks of the maintenance thread. Each call returns when there is a point in trying
/// again, or throws.
package protocol WriterMaintenance: AnyObject, Sendable {
    /// Space for an allocation of `byteCount` bytes, for which `attempt` calls have not sufficed.
    func makeSpace(_ byteCount: Int, attempt: Int) throws(StoreError)
    /// Room in the commit log.
    func makeLogRoom(_ byteCount: Int) throws(StoreError)
    /// A threshold was crossed; does not wait.
    func wake(forGrowth: Bool)
}
