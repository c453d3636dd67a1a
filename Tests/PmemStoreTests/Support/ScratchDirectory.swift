internal import CPmem
internal import Glibc
internal import Synchronization

@testable internal import PmemStore

/// Where a test's files lie.
enum Place: String, CaseIterable, Sendable {
    case volatileMemory, ordinaryFileSystem

    var root: String { self == .volatileMemory ? "/dev/shm" : "/var/tmp" }
}

/// A directory of a test's own, removed with its last reference.
final class ScratchDirectory: Sendable {
    private static let counter = Atomic<Int>(0)

    let path: String

    convenience init(_ place: Place) {
        self.init(in: place.root)
    }

    init(in root: String) {
        precondition(Caretaker.isAtWork, "no shell to remove what tests leave")
        let number = Self.counter.add(1, ordering: .relaxed).newValue
        path = "\(root)/pmemstore-test-\(getpid())-\(number)"
        precondition(unsafe mkdir(path, 0o700) == 0, "no scratch directory at \(path)")
    }

    deinit { Shell.run("rm -rf '\(path)'") }

    /// Where the test's store goes.
    var store: String { path + "/store" }
}

/// Runs a command line; for what only the tools of the file systems can do.
enum Shell {
    @discardableResult
    static func run(_ command: String) -> Bool {
        let arguments: [UnsafeMutablePointer<CChar>?] = unsafe [
            strdup("sh"), strdup("-c"), strdup(command + " >/dev/null 2>&1"), nil,
        ]
        defer { unsafe arguments.forEach { unsafe free($0) } }
        var child: pid_t = 0
        guard unsafe posix_spawn(&child, "/bin/sh", nil, nil, arguments, environ) == 0 else { return false }
        var status: Int32 = 0
        while unsafe waitpid(child, &status, 0) < 0 && errno == EINTR {}
        return status == 0
    }
}

/// Every file below a directory with its bytes, to show that nothing was changed.
func contents(of directory: String) -> [String: [UInt8]] {
    var result: [String: [UInt8]] = [:]
    for name in (try? DirectoryListing.names(directory)) ?? [] {
        result[name] = bytes(of: directory + "/" + name)
    }
    return result
}

func bytes(of path: String) -> [UInt8] {
    guard let file = try? OpenFile(path, flags: O_RDONLY | O_NONBLOCK), let status = try? file.status() else {
        return []
    }
    guard status.st_mode & S_IFMT == S_IFREG else { return [] }
    return unsafe [UInt8](unsafeUninitializedCapacity: Int(status.st_size)) { buffer, count in
        count = max(0, unsafe pread(file.descriptor, buffer.baseAddress, buffer.count, 0))
    }
}

func overwrite(_ path: String, at offset: Int, with bytes: [UInt8]) {
    guard let file = try? OpenFile(path, flags: O_RDWR | O_CREAT, mode: 0o600) else { return }
    _ = unsafe pwrite(file.descriptor, bytes, bytes.count, off_t(offset))
}
