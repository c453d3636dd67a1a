internal import CPmem
internal import Glibc

// How records get to the medium: slots, headers, checksums, non-temporal stores.

extension Writer {
    /// A record on its way to the medium.
    struct WrittenRecord {
        let offset: UInt64
        let checksum: UInt32
        let isExternal: Bool
    }

    /// Takes a slot for a record and starts writing it.
    @inline(__always)
    mutating func writeRecord(key: KeyBytes, value: UnsafeRawBufferPointer) throws(StoreError)
        -> WrittenRecord
    {
        if value.count > Record.inlineValueLimit { return try unsafe writeExternal(key: key, value: value) }
        return try unsafe writeRecord(key: key, valueField: UInt16(value.count), inline: value)
    }

    /// Assembles header, key and `inline` bytes and starts their copy, whole lines at a time.
    @inline(__always)
    private mutating func writeRecord(
        key: KeyBytes, valueField: UInt16, inline: UnsafeRawBufferPointer
    ) throws(StoreError) -> WrittenRecord {
        let bytes = Record.headerBytes + key.count + inline.count
        let offset = try allocate(bytes)
        let whole = (bytes + 63) & ~63
        unsafe memset(scratch + whole - 64, 0, 64)
        unsafe setHeader(key: key, valueField: valueField)
        if let start = inline.baseAddress {
            unsafe memcpy(scratch + Record.headerBytes + key.count, start, inline.count)
        }
        let checksum = unsafe Checksum.of(
            scratch + 4, bytes - 4, seed: Checksum.seed(.record, offset: offset))
        unsafe scratch.storeBytes(of: checksum, as: UInt32.self)
        unsafe medium.copyIn(offset, scratch, whole)
        return WrittenRecord(
            offset: offset, checksum: checksum, isExternal: valueField == UInt16(CPM_VALUE_EXTERNAL))
    }

    @inline(__always)
    private func setHeader(key: KeyBytes, valueField: UInt16) {
        unsafe scratch.storeBytes(of: epoch, toByteOffset: 4, as: UInt32.self)
        unsafe scratch.storeBytes(of: UInt16(key.count), toByteOffset: 8, as: UInt16.self)
        unsafe scratch.storeBytes(of: valueField, toByteOffset: 10, as: UInt16.self)
        if let start = key.baseAddress { unsafe memcpy(scratch + Record.headerBytes, start, key.count) }
    }

    /// A large value goes straight from the caller's bytes to an extent of its own.
    private mutating func writeExternal(key: KeyBytes, value: UnsafeRawBufferPointer) throws(StoreError)
        -> WrittenRecord
    {
        guard let start = value.baseAddress else { return try unsafe writeRecord(key: key, value: value) }
        let offset = try allocate(value.count)
        let checksum = unsafe Checksum.of(
            start, value.count, seed: Checksum.seed(.largeValue, offset: offset))
        unsafe medium.copyIn(offset, start, value.count)
        return try unsafe writeDescriptor(
            key: key, offset: offset, byteCount: value.count, checksum: checksum)
    }

    private mutating func writeDescriptor(
        key: KeyBytes, offset: UInt64, byteCount: Int, checksum: UInt32
    ) throws(StoreError) -> WrittenRecord {
        set.largeBytes += byteCount
        var descriptor = cpm_external_value(
            offset: offset, byteCount: UInt64(byteCount), checksum: checksum, reserved: 0)
        let result: Result<WrittenRecord, StoreError> = unsafe withUnsafeBytes(of: &descriptor) { bytes in
            do throws(StoreError) {
                return unsafe .success(
                    try writeRecord(key: key, valueField: UInt16(CPM_VALUE_EXTERNAL), inline: bytes))
            } catch {
                return .failure(error)
            }
        }
        // The transaction may go on without this value: nothing else would ever set its extent free.
        if case .failure = result { takeBack(offset) }
        return try result.get()
    }

    /// Lets `body` build a value in the mapping itself, in an extent of its own.
    mutating func constructRecord(
        key: KeyBytes, byteCount: Int, _ body: (UnsafeMutableRawBufferPointer) throws -> Int
    ) throws -> WrittenRecord {
        let offset = try allocate(max(byteCount, 1))
        let built: Int
        do {
            built = unsafe try medium.construct(offset, byteCount, site: CallSite(), body)
        } catch {
            takeBack(offset)
            throw error
        }
        precondition(built >= 0 && built <= byteCount, "a value was built beyond its room")
        let value = unsafe UnsafeRawBufferPointer(start: medium.read(offset, built), count: built)
        if Self.isSameSlot(max(byteCount, 1), max(built, 1)) {
            let checksum = unsafe Checksum.of(
                medium.read(offset, built), built, seed: Checksum.seed(.largeValue, offset: offset))
            return try unsafe writeDescriptor(key: key, offset: offset, byteCount: built, checksum: checksum)
        }
        // Replay tells a slot's class by the length of what lies in it: a value that turned out short moves.
        defer { takeBack(offset) }
        return unsafe try writeRecord(key: key, value: value)
    }

    /// The transaction gives up a slot or run of its own, and goes on.
    private mutating func takeBack(_ offset: UInt64) {
        set.births.remove(offset)
        giveBack(offset)
    }

    private static func isSameSlot(_ left: Int, _ right: Int) -> Bool {
        if let leftClass = SizeClass.index(for: left) { return leftClass == SizeClass.index(for: right) }
        return SizeClass.index(for: right) == nil
            && RecordHeap<M>.runLength(left) == RecordHeap<M>.runLength(right)
    }

    /// A slot or a run for `byteCount` bytes, entered as taken by this transaction.
    @inline(__always)
    private mutating func allocate(_ byteCount: Int) throws(StoreError) -> UInt64 {
        if let sizeClass = SizeClass.index(for: byteCount),
            let offset = try heap.allocate(sizeClass: sizeClass)
        {
            set.births.append(offset)
            return offset
        }
        return try allocateSlowly(byteCount)
    }

    @inline(never)
    mutating func allocateSlowly(_ byteCount: Int) throws(StoreError) -> UInt64 {
        var attempt = 0
        while true {
            if let offset = try heap.allocate(byteCount: byteCount, mayUseReserve: mayUseReserve) {
                set.births.append(offset)
                return offset
            }
            guard let maintenance else { throw .commit(.full(quotaBytes: 0, neededBytes: UInt64(byteCount))) }
            try maintenance.makeSpace(byteCount, attempt: attempt)
            attempt += 1
        }
    }
}
