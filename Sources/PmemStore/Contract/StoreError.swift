/// Everything that a store can refuse or fail with, by the stage in which it happens.
///
/// Messages name the place (path, offset, commit number) and, where there is one, the remedy.
public enum StoreError: Error, Equatable, Sendable {
    /// The store could not be created or opened; nothing on the medium was changed.
    case open(OpenFailure)
    /// An operation of a transaction was refused; the transaction may go on.
    case transaction(TransactionFailure)
    /// A commit, checkpoint or growth failed.
    case commit(CommitFailure)
    /// Something on the medium is not what was written there.
    case corrupted(Corruption)

    /// Why a store could not be opened or created.
    public enum OpenFailure: Equatable, Sendable {
        /// The path holds something, but no store.
        case notAStore(path: String, reason: String)
        /// Nothing is at the path and creation was not asked for.
        case missing(path: String)
        /// A store is at the path and a new one was asked for.
        case exists(path: String)
        /// The store was written by a newer release.
        case newerFormat(path: String, found: UInt32, supported: UInt32)
        /// A segment file is shorter than its header says.
        case truncated(path: String, expectedBytes: UInt64, foundBytes: UInt64)
        /// A segment file that the superblock or a later segment needs is not there.
        case missingSegment(path: String, index: Int)
        /// Another process, or this one, has the store open. `pid` is nil where the kernel does not tell.
        case inUse(path: String, pid: Int32?)
        /// The medium forgets at a power cut and `acceptsVolatileMedium` was not set.
        case volatileMedium(path: String, reason: String)
        /// The file system cannot keep the promise that extents stay where they are.
        case unsupportedFileSystem(path: String, name: String, remedy: String)
        /// An option has a value that cannot be.
        case invalidOption(name: String, reason: String)
        /// A file's extents are not what they were when the segment was sealed.
        case extentsChanged(path: String, reason: String)
        /// The demanded ``StoreOptions/minimumLease`` cannot be had.
        case leaseTooWeak(
            path: String, demanded: LeaseReport.Level, reached: LeaseReport.Level, reason: String)
        /// A segment is sealed, by a process that was killed or by somebody else, and the privilege to remove the seal
        /// is missing. `remedy` is the command that does.
        case sealed(path: String, remedy: String)
        /// A system call failed.
        case system(call: String, path: String, code: Int32)
    }

    /// Why an operation was refused.
    public enum TransactionFailure: Equatable, Sendable {
        /// The key is longer than a store accepts.
        case keyTooLong(bytes: Int, limit: Int)
        /// The value is longer than a store accepts.
        case valueTooLong(bytes: Int, limit: Int)
        /// No such table.
        case noSuchTable(name: String)
        /// A table of this name exists.
        case tableExists(name: String)
        /// Keys given to a sorted load were not in order; `index` counts from 0.
        case notSorted(index: Int)
        /// As many readers as the reader table has slots are open.
        case tooManyReaders(limit: Int)
        /// The store was closed.
        case closed
        /// A write, a checkpoint or a close from within a write of the same thread: it would wait for itself.
        case nestedWrite
        /// A range of a region that is not in it.
        case outOfBounds(offset: Int, byteCount: Int, limit: Int)
        /// A word of a region is at a multiple of 8.
        case misaligned(offset: Int)
        /// This process is a child of `fork`, and the store its parent's. What it wants of the store it gets by opening
        /// it anew, when the parent has closed it.
        case inChildProcess
        /// The store cannot be closed while snapshots or reads are open.
        case readersOpen(count: Int)
    }

    /// Why a commit, a checkpoint or growth failed.
    public enum CommitFailure: Equatable, Sendable {
        /// The store has reached its quota; the transaction was rolled back. Deletes still work.
        case full(quotaBytes: UInt64, neededBytes: UInt64)
        /// The file system has no space for another segment; the transaction was rolled back.
        case noSpace(path: String, neededBytes: UInt64)
        /// After an earlier failure it is not known what reached the medium. Reads go on; reopening recovers.
        case poisoned(reason: String)
        /// A system call failed.
        case system(call: String, path: String, code: Int32)
    }

    /// What was found damaged, and where.
    public struct Corruption: Equatable, Sendable {
        /// The kind of structure.
        public enum Structure: String, Equatable, Sendable {
            /// A segment file's first page.
            case segmentHeader
            /// Both superblocks.
            case superblock
            /// A block of the chunk table.
            case chunkTable
            /// A slot bitmap.
            case bitmap
            /// A tree node.
            case node
            /// A key and its value.
            case record
            /// A large value's own extent.
            case largeValue
            /// The commit log.
            case commitLog
            /// A page of the mapping that the file does not back any more.
            case page
        }
        /// What it is.
        public let structure: Structure
        /// Where it lies, in bytes from the start of the store's address range.
        public let offset: UInt64
        /// What was expected and what was found.
        public let detail: String

        /// Names a damaged structure.
        public init(_ structure: Structure, offset: UInt64, detail: String) {
            self.structure = structure
            self.offset = offset
            self.detail = detail
        }
    }
}
