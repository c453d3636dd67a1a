import Foundation

/// The directory that a command was pointed at, and what kind of memory lies under it.
struct Directory {
    let path: String
    let isVolatile: Bool

    /// Refuses what is missing, no directory, or not writable.
    init(checking path: String) throws {
        var isDirectory: ObjCBool = false
        guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw BenchmarkFailure(.usage, "\(path) does not exist; create it first: mkdir -p \(path)")
        }
        guard isDirectory.boolValue else {
            throw BenchmarkFailure(.usage, "\(path) is no directory; name one to make the stores in")
        }
        guard unsafe access(path, W_OK) == 0 else {
            throw BenchmarkFailure(
                .usage, "\(path) is not writable; choose another --path or change its mode")
        }
        self.path = path
        isVolatile = ["tmpfs", "ramfs"].contains(BenchmarkEnvironment.fileSystem(path))
    }

    /// nil where the system does not tell.
    var freeBytes: Int? {
        var status = statvfs()
        guard unsafe statvfs(path, &status) == 0 else { return nil }
        return Int(status.f_bavail) * Int(status.f_frsize)
    }
}
