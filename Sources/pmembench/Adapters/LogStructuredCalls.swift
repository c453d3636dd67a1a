#if RocksDB || LevelDB
    /// The functions that LevelDB and RocksDB share but for their names: RocksDB took LevelDB's C interface over and
    /// added to it.
    @safe struct LogStructuredCalls: @unchecked Sendable {
        typealias Handle = OpaquePointer?
        typealias Bytes = UnsafePointer<CChar>?
        typealias Length = UnsafeMutablePointer<Int>?
        typealias Failure = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        typealias Make = @convention(c) () -> Handle
        typealias End = @convention(c) (Handle) -> Void
        typealias Part = @convention(c) (Handle, Length) -> Bytes

        let free: @convention(c) (UnsafeMutableRawPointer?) -> Void
        let put: @convention(c) (Handle, Handle, Bytes, Int, Bytes, Int, Failure) -> Void
        let delete: @convention(c) (Handle, Handle, Bytes, Int, Failure) -> Void
        let write: @convention(c) (Handle, Handle, Handle, Failure) -> Void
        let createBatch: Make
        let destroyBatch: End
        let putInBatch: @convention(c) (Handle, Bytes, Int, Bytes, Int) -> Void
        let createReadOptions: Make
        let destroyReadOptions: End
        let setSnapshot: @convention(c) (Handle, Handle) -> Void
        let createWriteOptions: Make
        let destroyWriteOptions: End
        let setSync: @convention(c) (Handle, UInt8) -> Void
        let createSnapshot: @convention(c) (Handle) -> Handle
        let releaseSnapshot: @convention(c) (Handle, Handle) -> Void
        let createIterator: @convention(c) (Handle, Handle) -> Handle
        let destroyIterator: End
        let seekToFirst: End
        let seekToLast: End
        let seek: @convention(c) (Handle, Bytes, Int) -> Void
        let isValid: @convention(c) (Handle) -> UInt8
        let next: End
        let previous: End
        let key: Part
        let value: Part
        let iteratorError: @convention(c) (Handle, Failure) -> Void
    }

    /// What of the two libraries differs: how a database is opened, read and copied. An instance is an open database.
    protocol LogStructuredLibrary: Sendable {
        static var name: String { get }
        static var version: String { get }
        static var hasOnlineBackup: Bool { get }
        static var calls: LogStructuredCalls { get }

        /// Opens what is in the directory, or makes it.
        init(directory: String, cacheBytes: Int) throws

        var database: OpaquePointer { get }

        func get<Visitor: ValueVisitor>(
            _ key: RawSpan, _ visitor: inout Visitor, _ options: OpaquePointer?
        ) throws -> Bool

        func multiGet<Visitor: BlockVisitor>(
            _ keys: borrowing KeyBlock, _ visitor: inout Visitor, _ options: OpaquePointer?
        ) throws -> Int

        func backup(to directory: String) throws

        /// Makes a database that can be opened of a backup, in its place.
        static func prepareBackup(in directory: String) throws

        func close()
    }

    extension LogStructuredLibrary {
        @inline(__always)
        static func check(_ error: UnsafeMutablePointer<CChar>?, _ call: String) throws {
            guard let error = unsafe error else { return }
            defer { unsafe calls.free(error) }
            throw BenchmarkFailure(.failure, "\(name): \(call): \(unsafe String(cString: error))")
        }
    }
#endif
