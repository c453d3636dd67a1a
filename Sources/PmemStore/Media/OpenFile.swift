internal import CBusGuard
internal import CPmem
internal import Glibc

/// An open file or directory. The descriptor is closed with the last reference. A child of `fork` does not have it.
package final class OpenFile: Sendable {
    package let descriptor: Int32
    package let path: String

    /// Opens `path`. The failure does not say yet what it means for the store.
    package init(_ path: String, flags: Int32, mode: UInt32 = 0) throws(SystemFailure) {
        var result: Int32
        repeat {
            result = unsafe Glibc.open(path, flags | O_CLOEXEC, mode)
        } while result < 0 && errno == EINTR
        guard result >= 0 else { throw SystemFailure("open") }
        descriptor = result
        self.path = path
        cpm_fork_keep(result)
    }

    /// Takes over a descriptor that was opened otherwise.
    init(adopting descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
        cpm_fork_keep(descriptor)
    }

    deinit {
        cpm_fork_drop(descriptor)
        Glibc.close(descriptor)
    }

    /// Size, identity and kind.
    func status() throws(SystemFailure) -> stat {
        var answer = stat()
        guard unsafe fstat(descriptor, &answer) == 0 else { throw SystemFailure("fstat") }
        return answer
    }

    /// Gives the file a name that nothing else may have. ``path`` stays what it was opened by.
    package func rename(to newPath: String) throws(SystemFailure) {
        guard unsafe cpm_rename_exclusively(path, newPath) == 0 else { throw SystemFailure("renameat2") }
    }

    /// Makes the contents durable, and for a directory its entries.
    package func synchronize() throws(SystemFailure) {
        guard fsync(descriptor) == 0 else { throw SystemFailure("fsync") }
    }
}

/// A system call that failed, before it is known what that means for the store.
package struct SystemFailure: Error, Equatable {
    package let call: String
    package let code: Int32

    /// The failure that `errno` tells of.
    package init(_ call: String) {
        self.init(call: call, code: errno)
    }

    package init(call: String, code: Int32) {
        self.call = call
        self.code = code
    }
}
