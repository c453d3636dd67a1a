/// What a store's files lie on, measured when it was asked for.
public struct PreallocationReport: Sendable, Equatable {
    /// One segment file.
    public struct File: Sendable, Equatable {
        /// Where it is.
        public let path: String
        /// Its size.
        public let byteCount: UInt64
        /// Contiguous pieces on the device; nil where the file system does not report them.
        public let extents: Int?
        /// Share that the kernel can map by 2 MiB at a time, from 0 to 1; nil where places are not reported.
        public let hugePageShare: Double?
        /// Share without blocks, or with blocks that were never written, from 0 to 1: a first store there would change
        /// the block map, or meet a full file system. 0 as long as nobody has punched holes.
        public let unwrittenShare: Double
    }

    /// In their order.
    public let files: [File]
    /// Bytes that are allocated, written and not in use: commits take from them without asking the file system. More is
    /// prepared in the background before they run out; a full disk is then an error of growth, and never a signal.
    public let headroomBytes: UInt64

    /// Of all files.
    public var byteCount: UInt64 { files.reduce(0) { $0 + $1.byteCount } }
    /// Of all files; nil where the file system does not report extents.
    public var extents: Int? { total(\.extents) { $0.reduce(0, +) } }
    /// Of all files, by size; nil where the file system does not report places.
    public var hugePageShare: Double? {
        total(\.hugePageShare) { shares in mean(shares) }
    }
    /// Of all files, by size.
    public var unwrittenShare: Double { mean(files.map(\.unwrittenShare)) }

    private func total<Part, Whole>(_ part: (File) -> Part?, _ join: ([Part]) -> Whole) -> Whole? {
        let parts = files.compactMap(part)
        return parts.isEmpty || parts.count < files.count ? nil : join(parts)
    }

    private func mean(_ shares: [Double]) -> Double {
        let weighted = zip(files, shares).reduce(0) { $0 + Double($1.0.byteCount) * $1.1 }
        return byteCount == 0 ? 0 : weighted / Double(byteCount)
    }
}
