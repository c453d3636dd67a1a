internal import CPmem
internal import Glibc

/// Keeps every other opener out: this process by a registry, other processes by a lock file.
///
/// The lock file stands apart from the segments, because merely opening a leased segment breaks its owner's lease.
/// Its first byte carries the lock, bound to the open file (a library that opens and closes the same file cannot
/// lose it). The second carries a classic lock whose only use is that the kernel names its owner.
final class StoreLock: Sendable {
    static let fileName = "lock"

    private let file: OpenFile
    private let registration: Registration

    /// Locks the store in `directory`, or says who has it.
    init(directory: OpenFile, path: String) throws(StoreError) {
        registration = try Registration(directory, path: path)
        file = try Self.open(directory.path + "/" + Self.fileName)
        var lock = Self.byteLock(0)
        guard unsafe cpm_lock_description(file.descriptor, &lock) == 0 else {
            let failure = SystemFailure("fcntl(F_OFD_SETLK)")
            guard failure.code == EAGAIN || failure.code == EACCES else {
                throw .open(.system(call: failure.call, path: file.path, code: failure.code))
            }
            throw .open(.inUse(path: path, pid: Self.owner(file)))
        }
        var beacon = Self.byteLock(1)
        _ = unsafe cpm_lock_process(file.descriptor, &beacon)
    }

    /// Unlocks by name, not by closing: a child that this process is just about to start shares the open file until
    /// it executes its program, and would keep the lock for that long.
    deinit {
        var lock = Self.byteLock(0)
        lock.l_type = Int16(F_UNLCK)
        _ = unsafe cpm_lock_description(file.descriptor, &lock)
    }

    /// Whether the store in a directory is open, and by which process, without touching the lock.
    static func holder(in directory: String) -> (isInUse: Bool, pid: Int32?) {
        let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
        guard let file = try? OpenFile(directory + "/" + fileName, flags: flags) else { return (false, nil) }
        var lock = byteLock(0)
        guard unsafe cpm_lock_holder(file.descriptor, &lock) == 0, lock.l_type != Int16(F_UNLCK) else {
            return (false, nil)
        }
        return (true, owner(file))
    }

    private static func open(_ path: String) throws(StoreError) -> OpenFile {
        do {
            return try OpenFile(path, flags: O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, mode: 0o600)
        } catch {
            guard error.code != ELOOP else {
                throw .open(.notAStore(path: path, reason: "it is a symbolic link"))
            }
            throw .open(.system(call: error.call, path: path, code: error.code))
        }
    }

    private static func byteLock(_ position: Int) -> flock {
        var lock = flock()
        lock.l_type = Int16(F_WRLCK)
        lock.l_whence = Int16(SEEK_SET)
        lock.l_start = off_t(position)
        lock.l_len = 1
        return lock
    }

    /// The process that has the store, where the kernel tells (not across PID namespaces).
    private static func owner(_ file: OpenFile) -> Int32? {
        // The owner takes its second lock a moment after the first.
        for _ in 0..<20 {
            var lock = byteLock(1)
            guard unsafe cpm_lock_holder(file.descriptor, &lock) == 0 else { return nil }
            if lock.l_type != Int16(F_UNLCK) { return lock.l_pid > 0 ? lock.l_pid : nil }
            ShortPause.take()
        }
        return nil
    }
}

/// The stores that this process has open. Needed beside the lock, because locks do not exclude their own process
/// reliably, and because a second opener would break our own lease and wait for itself.
private final class Registration: Sendable {
    private struct Identity: Hashable, Sendable {
        let device: UInt64
        let inode: UInt64
    }

    /// By which process: a child of `fork` inherits the table, and has nothing open.
    private static let open = Locked<[Identity: pid_t]>([:])

    private let identity: Identity
    private let process = getpid()

    init(_ directory: OpenFile, path: String) throws(StoreError) {
        let status = try FailureStage.opening.attempt(path) { () throws(SystemFailure) in
            try directory.status()
        }
        let identity = Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        let process = process
        let isFree = Self.open.withLock { open in
            if open[identity] == process { return false }
            open[identity] = process
            return true
        }
        guard isFree else { throw .open(.inUse(path: path, pid: process)) }
        self.identity = identity
    }

    deinit {
        let (identity, process) = (identity, process)
        Self.open.withLock { if $0[identity] == process { $0[identity] = nil } }
    }
}
