/// The calling line as the site, so that a recording medium can name it and callers need not; and what only a medium of
/// files knows.
extension Medium {
    @inline(__always)
    package func store8(_ offset: UInt64, _ value: UInt64, file: StaticString = #fileID, line: UInt32 = #line)
    {
        store8(offset, value, site: CallSite(file, line))
    }

    @inline(__always)
    package func copyIn(
        _ offset: UInt64, _ source: UnsafeRawPointer, _ byteCount: Int, file: StaticString = #fileID,
        line: UInt32 = #line
    ) {
        unsafe copyIn(offset, source, byteCount, site: CallSite(file, line))
    }

    @inline(__always)
    package func construct<R>(
        _ offset: UInt64, _ byteCount: Int, file: StaticString = #fileID, line: UInt32 = #line,
        _ body: (UnsafeMutableRawBufferPointer) throws -> R
    ) rethrows -> R {
        try unsafe construct(offset, byteCount, site: CallSite(file, line), body)
    }

    @inline(__always)
    package func flush(_ offset: UInt64, _ byteCount: Int, file: StaticString = #fileID, line: UInt32 = #line)
    {
        flush(offset, byteCount, site: CallSite(file, line))
    }

    @inline(__always)
    package func drain(file: StaticString = #fileID, line: UInt32 = #line) throws(StoreError) {
        try drain(site: CallSite(file, line))
    }

    /// What stands for a medium is measured by what it does, not by its speed.
    package static var fetchesAhead: Bool { false }

    /// A medium without files is always whole.
    package func requireWhole() throws(StoreError) {}
}
