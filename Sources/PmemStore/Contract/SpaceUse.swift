/// Where the bytes of a store's files are, at one moment. The parts add up to the whole.
public struct SpaceUse: Sendable, Equatable {
    /// All chunks that the store uses.
    public internal(set) var totalBytes: UInt64 = 0
    /// Slots with records and values: of the newest commit, of a snapshot, or waiting for the next checkpoint.
    public internal(set) var recordBytes: UInt64 = 0
    /// Slots with tree nodes, likewise.
    public internal(set) var nodeBytes: UInt64 = 0
    /// Whole chunks with large values, likewise.
    public internal(set) var largeValueBytes: UInt64 = 0
    /// Free slots between records.
    public internal(set) var freeRecordBytes: UInt64 = 0
    /// Free slots between nodes; each checkpoint writes the changed nodes anew before the old ones go.
    public internal(set) var freeNodeBytes: UInt64 = 0
    /// Chunks that are entirely free.
    public internal(set) var freeChunkBytes: UInt64 = 0
    /// The ring of the commit log, full or empty.
    public internal(set) var logBytes: UInt64 = 0
    /// Headers, superblocks, chunk tables and bitmaps, and what is left over at the end of a chunk.
    public internal(set) var tableBytes: UInt64 = 0
}
