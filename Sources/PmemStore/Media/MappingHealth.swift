internal import CBusGuard
internal import CPmem
internal import Glibc

/// Whether the files still back a mapping: one word that the commit looks at behind its fence, and a reader behind its
/// last load.
///
/// It changes once, from whole to broken, by the handler of SIGBUS (``BusGuard``) or by whoever finds that the block
/// map is not what it was. After that it only counts further faults.
@safe package final class MappingHealth: @unchecked Sendable {
    private let words: UnsafeMutablePointer<cpm_guard_words>
    private let storage: UnsafeMutableRawPointer
    private let path: String
    private let found = Locked<String?>(nil)
    private var base: UInt64 = 0
    private var slot: Int32?
    private var forkSlot: Int32?

    /// - Parameter path: The store's, for errors.
    package init(path: String) {
        self.path = path
        // A line of its own: every reader and writer loads it, nobody stores to it as long as all is well.
        unsafe storage = .allocate(byteCount: 128, alignment: 128)
        unsafe words = storage.initializeMemory(as: cpm_guard_words.self, to: cpm_guard_words())
    }

    deinit {
        unguard()
        unsafe storage.deallocate()
    }

    /// How many faults were answered, for those who look often. 0: the mapping is whole.
    var faultWord: UnsafePointer<UInt32> {
        unsafe UnsafeRawPointer(words).assumingMemoryBound(to: UInt32.self)
    }

    /// Two reads between which this number changes may have seen a page that is not there.
    @inline(__always)
    package var faults: UInt32 { unsafe cpm_load4(faultWord) }

    @inline(__always)
    package var isWhole: Bool { faults == 0 }

    /// True in a child of `fork`, which has this object, but neither the mapping nor the files.
    package var isInherited: Bool { unsafe cpm_load4(faultWord + 1) != 0 }

    /// - Throws: ``StoreError/TransactionFailure/inChildProcess``. One load as long as all is well.
    @inline(__always)
    package func requireOwnProcess() throws(StoreError) {
        if !isWhole && isInherited { throw .transaction(.inChildProcess) }
    }

    /// The mapping is not to be relied upon any more. The first reason stays.
    package func fail(_ reason: String) {
        found.withLock { $0 = $0 ?? reason }
        unsafe cpm_add4(words, 1)
    }

    /// Why it is not whole.
    package var reason: String {
        if isInherited { return "\(path): this process was forked from the one that has the store open" }
        if let known = found.withLock({ $0 }) { return known }
        return "\(path): byte \(firstFault) of the store's address range is not in its file any more (SIGBUS)"
    }

    /// Offset of the first fault in the address range.
    private var firstFault: UInt64 {
        let address = unsafe cpm_load8(UnsafeRawPointer(words) + 8)
        return address >= base ? address - base : 0
    }

    /// What a commit ends with.
    var failure: StoreError { .commit(.poisoned(reason: reason)) }

    /// What a read ends with that may have seen a page that is not there.
    package var readFailure: StoreError {
        .corrupted(.init(.page, offset: firstFault, detail: reason))
    }

    // MARK: SIGBUS

    /// From here on a SIGBUS in the mapping counts as a fault instead of ending the process, if that is wanted, and a
    /// child of `fork` finds nothing of the store in it. False: it cannot be had.
    package func `guard`(_ mapping: Mapping, againstBusErrors: Bool) -> Bool {
        base = unsafe UInt64(UInt(bitPattern: mapping.base))
        forkSlot = unsafe ForkGuard.add(base, mapping.byteCount, words)
        if againstBusErrors { slot = unsafe BusGuard.add(base, mapping.byteCount, words) }
        return forkSlot != nil && (slot != nil || !againstBusErrors)
    }

    /// Before the range is given back. Twice is harmless.
    package func unguard() {
        if let slot { BusGuard.remove(slot) }
        slot = nil
        if let forkSlot { ForkGuard.remove(forkSlot) }
        forkSlot = nil
    }
}

/// The process's table of mappings that a child of `fork` must not have.
private enum ForkGuard {
    static func add(
        _ begin: UInt64, _ byteCount: UInt64, _ words: UnsafeMutablePointer<cpm_guard_words>
    ) -> Int32? {
        let slot = unsafe cpm_fork_watch(begin, begin + byteCount, words)
        return slot >= 0 ? slot : nil
    }

    static func remove(_ slot: Int32) { cpm_fork_forget(slot) }
}

/// The process's handler of SIGBUS for the mappings of open stores. It is there while one is open, knows their address
/// ranges only, and passes everything else on to the handler that was there before.
private enum BusGuard {
    private struct Use {
        var mappings = 0
        var isInstalled = false
    }
    private static let use = Locked(Use())

    static func add(
        _ begin: UInt64, _ byteCount: UInt64, _ words: UnsafeMutablePointer<cpm_guard_words>
    ) -> Int32? {
        use.withLock { use in
            let slot = unsafe cpm_guard_add(begin, begin + byteCount, words)
            guard slot >= 0 else { return nil }
            if !use.isInstalled {
                guard cpm_guard_install() == 0 else {
                    cpm_guard_remove(slot)
                    return nil
                }
                use.isInstalled = true
            }
            use.mappings += 1
            return slot
        }
    }

    static func remove(_ slot: Int32) {
        use.withLock { use in
            cpm_guard_remove(slot)
            use.mappings -= 1
            // When somebody's handler came after ours and passes on to it, ours must stay.
            if use.mappings == 0, cpm_guard_uninstall() == 1 { use.isInstalled = false }
        }
    }
}
